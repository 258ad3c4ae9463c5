// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.BestRoute;
import dev.fairway.bgp.RoutesDelta;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.Origin;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What neighbours tell, put into a real kernel; `ip` is the independent eye.
class KernelRoutesTest {
  private final BgpFabric fabric = new BgpFabric();
  private final NetworkNamespace machine = fabric.machine("worker-0", 20);
  private final KernelRoutes routes = new KernelRoutes(machine);

  @AfterEach
  void close() throws Exception {
    routes.close();
    fabric.close();
  }

  private static BestRoute route(String prefix, String... hops) {
    List<BestRoute.NextHop> all = new ArrayList<>();
    for (String hop : hops) {
      all.add(new BestRoute.NextHop(IpAddress.parse(hop), IpAddress.parse("10.240.0.2")));
    }
    return new BestRoute(
        Prefix.parse(prefix),
        all,
        PathAttributes.of(Origin.IGP, AsPath.of(65000L), all.getFirst().address()),
        true,
        false);
  }

  private static RoutesDelta delta(BestRoute... best) {
    return new RoutesDelta(List.of(best), List.of(), false, true);
  }

  private static RoutesDelta gone(String prefix) {
    return new RoutesDelta(List.of(), List.of(Prefix.parse(prefix)), false, true);
  }

  private String shown(String prefix) throws Exception {
    return fabric.run("worker-0", "ip", "route", "show", prefix);
  }

  /// One liar must not keep what others tell from the kernel.
  @Test
  void aNextHopThatCannotBeHarmsOnlyItsOwnRoutes() throws Exception {
    routes.apply(
        delta(
            route("203.0.113.0/24", "10.240.0.20"), // our own address
            route("203.0.114.0/24", "10.240.0.255"), // everybody's
            route("203.0.115.0/24", "192.0.2.1"), // nowhere
            route("203.0.116.0/24", "10.240.0.2", "10.240.0.20"),
            route("203.0.117.0/24", "10.240.0.2", "10.240.0.3")));
    assertThat(shown("203.0.113.0/24") + shown("203.0.114.0/24") + shown("203.0.115.0/24"))
        .isEmpty();
    assertThat(shown("203.0.116.0/24")).contains("via 10.240.0.2 ");
    assertThat(shown("203.0.117.0/24")).contains("via 10.240.0.2 ").contains("via 10.240.0.3 ");
    assertThat(routes.problems())
        .hasSize(3)
        .contains("BGP route 203.0.113.0/24: no link leads to next hop 10.240.0.20");
  }

  /// What the kernel refuses because a link is down is tried again, and nothing else suffers.
  @Test
  void aLinkThatIsDownIsWaitedFor() throws Exception {
    try (RouteNetlink links = RouteNetlink.open(machine)) {
      routes.apply(delta(route("203.0.117.0/24", "10.240.0.2")));
      fabric.run("worker-0", "ip", "link", "add", "veth1", "type", "veth", "peer", "name", "veth2");
      fabric.run("worker-0", "ip", "addr", "add", "10.99.0.1/24", "dev", "veth1");
      fabric.run("worker-0", "ip", "link", "set", "veth2", "up");
      fabric.run("worker-0", "ip", "route", "add", "default", "via", "10.240.0.1", "dev", "eth0");
      links.apply(ChangeLink.of("eth0").setDown());
      routes.apply(
          delta(route("203.0.118.0/24", "10.240.0.3"), route("203.0.119.0/24", "10.99.0.2")));
      assertThat(shown("203.0.118.0/24")).isEmpty();
      links.apply(ChangeLink.of("eth0").setUp(), ChangeLink.of("veth1").setUp());
      routes.check();
      assertThat(shown("203.0.117.0/24")).contains("via 10.240.0.2 ");
      assertThat(shown("203.0.118.0/24")).contains("via 10.240.0.3 ");
      assertThat(shown("203.0.119.0/24")).contains("via 10.99.0.2 ");
      assertThat(routes.problems()).isEmpty();
    }
  }

  /// A route without a way may be withdrawn, and then no later look may bring it back.
  @Test
  void whatWasWithdrawnStaysAway() throws Exception {
    routes.apply(delta(route("203.0.113.0/24", "192.0.2.1")));
    assertThat(routes.problems()).hasSize(1);
    routes.apply(gone("203.0.113.0/24"));
    assertThat(routes.problems()).isEmpty();
    fabric.run("worker-0", "ip", "addr", "add", "192.0.2.9/24", "dev", "eth0");
    routes.check();
    assertThat(shown("203.0.113.0/24")).isEmpty();

    routes.apply(delta(route("203.0.114.0/24", "198.51.100.1")));
    routes.apply(new RoutesDelta(List.of(), List.of(), true, true));
    fabric.run("worker-0", "ip", "addr", "add", "198.51.100.9/24", "dev", "eth0");
    routes.check();
    assertThat(shown("203.0.114.0/24")).isEmpty();
    assertThat(routes.problems()).isEmpty();
  }
}
