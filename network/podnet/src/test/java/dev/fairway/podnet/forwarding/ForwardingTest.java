// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.routes.RoutesBackend;
import dev.fairway.podnet.vxlan.VxlanBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Plans, and what they do to a real kernel.
final class ForwardingTest {
  private static final Underlay UNDERLAY = new Underlay(10, 1500, IpAddress.parse("10.240.0.20"));
  private static final ClusterNode ME = node(0);

  @Test
  void vxlanPlanOfAFreshNode() {
    List<ForwardingStep> steps =
        ForwardingPlan.between(
            ForwardingState.EMPTY, new VxlanBackend().desired(ME, List.of(node(1)), UNDERLAY));
    assertThat(text(steps))
        .isEqualTo(
            """
            CreateTunnel[tunnel=TunnelDevice[vni=1, port=8472, local=10.240.0.20, underlay=10, \
            mac=0e:fa:4b:3f:40:36, mtu=1450, addresses=[10.200.0.0]]]
            PutDestination[destination=Destination[mac=0e:00:00:00:00:01, machine=10.240.0.21]]
            PutNextHop[hop=NextHop[address=10.200.1.0, mac=0e:00:00:00:00:01]]
            PutRoute[route=RangeRoute[range=10.200.0.0/24, way=UNREACHABLE, \
            gateway=Optional.empty]]
            PutRoute[route=RangeRoute[range=10.200.1.0/24, way=TUNNEL, \
            gateway=Optional[10.200.1.0]]]
            """);
  }

  @Test
  void aNodeThatLeavesTakesItsEntriesInTheOppositeOrder() {
    Backend vxlan = new VxlanBackend();
    List<ForwardingStep> steps =
        ForwardingPlan.between(
            vxlan.desired(ME, List.of(node(1), node(2)), UNDERLAY),
            vxlan.desired(ME, List.of(node(1)), UNDERLAY));
    assertThat(text(steps))
        .isEqualTo(
            """
            RemoveRoute[route=RangeRoute[range=10.200.2.0/24, way=TUNNEL, \
            gateway=Optional[10.200.2.0]]]
            RemoveNextHop[hop=NextHop[address=10.200.2.0, mac=0e:00:00:00:00:02]]
            RemoveDestination[destination=Destination[mac=0e:00:00:00:00:02, \
            machine=10.240.0.22]]
            """);
  }

  /// Whatever the cluster was and becomes, by whatever backend: after the plan the kernel holds
  /// what is desired, and other people's routes are as they were.
  @Test
  void anyStateFollowsAnyOtherInTheKernel() {
    Random random = new Random(42);
    try (NetworkNamespace machine = NetworkNamespace.createAnonymous();
        RouteNetlink netlink = RouteNetlink.open(machine)) {
      Route foreign =
          Route.to(Prefix.parse("172.30.0.0/16")).via(IpAddress.parse("10.240.0.99")).on(10);
      Route clash =
          Route.to(Prefix.parse("10.200.9.0/24"))
              .via(IpAddress.parse("10.240.0.98"))
              .on(10)
              .withMetric(50);
      netlink.apply(
          new RouteRequest.AddVeth(
              LinkSpec.named("eth0").withIndex(10).withUp(), LinkSpec.named("far").withIndex(11)),
          RouteRequest.ChangeLink.of(11).setUp(),
          new RouteRequest.PutAddress(LinkAddress.of(10, UNDERLAY.address(), 24)),
          new RouteRequest.PutRoute(foreign),
          new RouteRequest.PutRoute(clash));
      KernelForwarding kernel = new KernelForwarding(netlink, 10);
      assertThat(kernel.read()).isEqualTo(ForwardingState.EMPTY);
      for (int round = 0; round < 40; round++) {
        Backend backend = random.nextInt(3) == 0 ? new RoutesBackend() : new VxlanBackend();
        List<ClusterNode> others = new ArrayList<>();
        for (int i = 1; i < 12; i++) {
          if (random.nextBoolean()) {
            others.add(random.nextInt(4) == 0 ? moved(i) : node(i));
          }
        }
        Underlay underlay = new Underlay(10, 1400 + random.nextInt(2) * 100, UNDERLAY.address());
        ForwardingState desired = backend.desired(ME, others, underlay);
        kernel.apply(ForwardingPlan.between(kernel.read(), desired));
        assertThat(kernel.read()).as("round %d", round).isEqualTo(desired);
        assertThat(ForwardingPlan.between(kernel.read(), desired)).isEmpty();
        assertThat(netlink.routes()).contains(foreign, clash);
      }
      kernel.apply(ForwardingPlan.between(kernel.read(), ForwardingState.EMPTY));
      assertThat(netlink.link(ForwardingState.TUNNEL_NAME)).isEmpty();
      assertThat(netlink.routes()).contains(foreign, clash);
    }
  }

  /// Those of BGP have metric 32, in both families. One that an agent of before made has what the
  /// kernel takes for none, 1024.
  @Test
  void anIpv6RouteGoesBeforeThoseOfBgp() {
    try (NetworkNamespace machine = NetworkNamespace.createAnonymous();
        RouteNetlink netlink = RouteNetlink.open(machine)) {
      Prefix range = Prefix.parse("fd00:10:200:1::/64");
      IpAddress gateway = IpAddress.parse("fd00:10:240::15");
      netlink.apply(
          new RouteRequest.AddVeth(
              LinkSpec.named("eth0").withIndex(10).withUp(), LinkSpec.named("far").withIndex(11)),
          RouteRequest.ChangeLink.of(11).setUp(),
          new RouteRequest.PutAddress(LinkAddress.of(10, IpAddress.parse("fd00:10:240::14"), 64)),
          new RouteRequest.PutRoute(
              Route.to(range).via(gateway).on(10).withProtocol(ForwardingState.ROUTE_PROTOCOL)));
      KernelForwarding kernel = new KernelForwarding(netlink, 10);
      ForwardingState desired =
          new ForwardingState(
              Optional.empty(),
              List.of(
                  new ForwardingState.RangeRoute(
                      range, ForwardingState.Way.UNDERLAY, Optional.of(gateway))),
              List.of(),
              List.of());
      kernel.apply(ForwardingPlan.between(kernel.read(), desired));
      assertThat(netlink.routes())
          .filteredOn(route -> route.destination().equals(range))
          .anyMatch(route -> route.metric() < 32);
      assertThat(ForwardingPlan.between(kernel.read(), desired)).isEmpty();
      kernel.apply(ForwardingPlan.between(kernel.read(), ForwardingState.EMPTY));
      assertThat(netlink.routes()).noneMatch(route -> route.destination().equals(range));
    }
  }

  /// As the kernel has an order of its own; to adjust the device each time costs packets.
  @Test
  void addressesInAnotherOrderAreNoDifference() {
    List<IpAddress> addresses =
        List.of(
            IpAddress.parse("10.200.0.0"),
            IpAddress.parse("fd00:10:200::"),
            IpAddress.parse("10.199.0.0"));
    assertThat(ForwardingPlan.between(secured(addresses.reversed()), secured(addresses))).isEmpty();
    assertThat(ForwardingPlan.between(secured(addresses.subList(0, 2)), secured(addresses)))
        .hasSize(1);
  }

  private static ForwardingState secured(List<IpAddress> addresses) {
    return new ForwardingState(
        Optional.empty(),
        List.of(),
        List.of(),
        List.of(),
        Optional.of(
            ForwardingState.WireGuardTunnel.of(
                Optional.empty(), 51820, 1420, addresses, List.of())));
  }

  private static ClusterNode node(int number) {
    return new ClusterNode(
        "worker-" + number,
        IpAddress.parse("10.240.0." + (20 + number)),
        List.of(Prefix.parse("10.200." + number + ".0/24")),
        Optional.of(new ClusterNode.Tunnel(1, new MacAddress(0x0e00_0000_0000L + number))));
  }

  /// The same node with a new machine: address and device have changed.
  private static ClusterNode moved(int number) {
    return new ClusterNode(
        "worker-" + number,
        IpAddress.parse("10.240.0." + (120 + number)),
        List.of(Prefix.parse("10.200." + number + ".0/24")),
        Optional.of(new ClusterNode.Tunnel(1, new MacAddress(0x0e00_0000_ff00L + number))));
  }

  private static String text(List<ForwardingStep> steps) {
    StringBuilder text = new StringBuilder();
    steps.forEach(step -> text.append(step).append('\n'));
    return text.toString();
  }
}
