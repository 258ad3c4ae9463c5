// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.RouteRequest.AddBridge;
import dev.fairway.linux.RouteRequest.AddRoute;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.AddVxlan;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.DeleteAddress;
import dev.fairway.linux.RouteRequest.DeleteForwarding;
import dev.fairway.linux.RouteRequest.DeleteLink;
import dev.fairway.linux.RouteRequest.DeleteLinkGroup;
import dev.fairway.linux.RouteRequest.DeleteNeighbour;
import dev.fairway.linux.RouteRequest.DeleteRoute;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutForwarding;
import dev.fairway.linux.RouteRequest.PutNeighbour;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The real kernel, in namespaces that nobody else knows. `ip` is the independent eye.
class RouteNetlinkTest {
  private final NetworkNamespace node = NetworkNamespace.createAnonymous();
  private final NetworkNamespace pod = NetworkNamespace.createAnonymous();
  private final RouteNetlink inNode = RouteNetlink.open(node);
  private final RouteNetlink inPod = RouteNetlink.open(pod);

  @AfterEach
  void close() {
    inNode.close();
    inPod.close();
    node.close();
    pod.close();
  }

  private static String run(NetworkNamespace namespace, String... command) throws Exception {
    Process process = namespace.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  private static IpAddress ip(String text) {
    return IpAddress.parse(text);
  }

  @Test
  void whatStandsBehindAFailureIsTriedHoweverManyRequestsLieBetween() {
    List<RouteRequest> requests = new ArrayList<>();
    requests.add(new PutRoute(Route.to(Prefix.parse("192.0.2.0/24")).on(99)));
    for (int i = 0; i < 4500; i++) {
      requests.add(new PutAddress(LinkAddress.of(1, ip("127.0.0.1"), 8)));
    }
    requests.add(new PutRoute(Route.to(Prefix.parse("198.51.100.0/24")).on(98)));
    requests.add(new PutAddress(LinkAddress.of(1, ip("203.0.113.1"), 32)));
    assertThatThrownBy(() -> inNode.apply(requests))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("192.0.2.0/24")
        .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1))
        .satisfies(e -> assertThat(e.getSuppressed()[0]).hasMessageContaining("198.51.100.0/24"));
    assertThat(inNode.addresses())
        .contains(new LinkAddress(1, ip("203.0.113.1"), 32, Scope.UNIVERSE));
  }

  @Test
  void attachesAPodInTwoSends() throws Exception {
    MacAddress podMac = MacAddress.parse("0a:58:0a:c8:00:02");
    MacAddress hostMac = MacAddress.parse("ee:ee:ee:ee:ee:ee");
    IpAddress gateway = ip("169.254.1.1");
    inPod.apply(
        ChangeLink.of("lo").setUp(),
        new AddVeth(
            LinkSpec.named("eth0").withIndex(2).withMac(podMac).withMtu(1450).withUp(),
            LinkSpec.named("veth0").withIndex(77).withMac(hostMac).withMtu(1450).in(node)),
        new PutAddress(LinkAddress.of(2, ip("10.200.0.2"), 32)),
        new PutAddress(LinkAddress.of(2, ip("fd00::2"), 128)),
        new PutRoute(Route.to(gateway.toPrefix()).on(2)),
        new PutRoute(Route.to(Prefix.parse("0.0.0.0/0")).via(gateway).on(2).withMtu(1400)),
        new PutNeighbour(Neighbour.of(2, gateway, hostMac)));
    inNode.apply(
        ChangeLink.of(77).setUp().withAlias("pod one"),
        new PutRoute(Route.to(Prefix.parse("10.200.0.2/32")).on(77).withProtocol(78)),
        new PutRoute(Route.to(Prefix.parse("fd00::2/128")).on(77).withProtocol(78)),
        new PutAddress(LinkAddress.of(77, ip("192.0.2.1"), 32)),
        new PutNeighbour(Neighbour.of(77, ip("10.200.0.2"), podMac)));
    // A new namespace begins with the host's settings, whatever those are.
    Sysctls.write(pod, Map.of("net.ipv4.ip_forward", "0"));
    Sysctls.write(node, Map.of("net.ipv4.ip_forward", "1"));

    assertThat(run(pod, "ip", "-o", "addr", "show", "eth0"))
        .contains("inet 10.200.0.2/32 scope global eth0")
        .contains("inet6 fd00::2/128 scope global");
    assertThat(run(pod, "ip", "route"))
        .contains("default via 169.254.1.1 dev eth0 proto static mtu 1400")
        .contains("169.254.1.1 dev eth0 proto static scope link");
    assertThat(run(node, "ip", "route")).contains("10.200.0.2 dev veth0 proto 78 scope link");
    assertThat(run(node, "ip", "neigh")).contains("10.200.0.2 dev veth0 lladdr 0a:58:0a:c8:00:02");
    assertThat(Sysctls.read(node, "net.ipv4.ip_forward")).isEqualTo("1");
    assertThat(Sysctls.read(pod, "net.ipv4.ip_forward")).isEqualTo("0");

    Link link = inPod.link("eth0").orElseThrow();
    assertThat(link.index()).isEqualTo(2);
    assertThat(link.mac()).isEqualTo(podMac);
    assertThat(link.mtu()).isEqualTo(1450);
    assertThat(link.kind()).isEqualTo("veth");
    assertThat(link.peer()).isEqualTo(77);
    assertThat(link.peerNamespaceId()).isNotNegative();
    assertThat(link.up()).isTrue();
    assertThat(link.running()).isTrue();
    assertThat(inNode.link(77).orElseThrow().alias()).isEqualTo("pod one");
    assertThat(inPod.addresses())
        .contains(
            new LinkAddress(2, ip("10.200.0.2"), 32, Scope.UNIVERSE),
            new LinkAddress(2, ip("fd00::2"), 128, Scope.UNIVERSE));
    assertThat(inPod.routes())
        .contains(Route.to(Prefix.parse("0.0.0.0/0")).via(gateway).on(2).withMtu(1400));
    assertThat(inNode.routes())
        .contains(
            Route.to(Prefix.parse("10.200.0.2/32")).on(77).withProtocol(78),
            Route.to(Prefix.parse("fd00::2/128"))
                .on(77)
                .withProtocol(78)
                .withScope(Scope.UNIVERSE)
                .withMetric(1024));
    assertThat(inNode.neighbours()).contains(Neighbour.of(77, ip("10.200.0.2"), podMac));
    assertThat(run(node, "busybox", "ping", "-c1", "-W2", "10.200.0.2"))
        .contains("1 packets received");
  }

  @Test
  void bridgesAndVxlansAreReadBackAsAskedFor() throws Exception {
    MacAddress mac = MacAddress.parse("0a:58:00:00:00:01");
    Vxlan settings = new Vxlan(78, 4789, ip("10.240.0.20"), 9, false);
    inNode.apply(
        new AddBridge(LinkSpec.named("br0").withIndex(5).withUp()),
        new AddVeth(
            LinkSpec.named("eth0").withIndex(9).withUp(), LinkSpec.named("eth1").withIndex(10)),
        ChangeLink.of(10).withMaster(5),
        new PutAddress(LinkAddress.of(9, ip("10.240.0.20"), 24)),
        new AddVxlan(
            LinkSpec.named("vx").withIndex(6).withMac(mac).withMtu(1450).withUp(), settings),
        new PutForwarding(
            Forwarding.of(6, MacAddress.parse("0a:58:00:00:00:02"), ip("10.240.0.21"))),
        new PutForwarding(
            Forwarding.of(6, MacAddress.parse("00:00:00:00:00:00"), ip("10.240.0.22"))),
        new PutForwarding(
            Forwarding.of(6, MacAddress.parse("00:00:00:00:00:00"), ip("10.240.0.22"))),
        new PutRoute(
            Route.to(Prefix.parse("10.200.1.0/24")).via(ip("10.200.1.0")).withOnlink().on(6)));

    Link link = inNode.link("vx").orElseThrow();
    assertThat(link.vxlan()).contains(settings);
    assertThat(inNode.link("eth1").orElseThrow().master()).isEqualTo(5);
    assertThat(inNode.link(5).orElseThrow().kind()).isEqualTo("bridge");
    assertThat(inNode.forwardings())
        .contains(
            Forwarding.of(6, MacAddress.parse("0a:58:00:00:00:02"), ip("10.240.0.21")),
            Forwarding.of(6, MacAddress.parse("00:00:00:00:00:00"), ip("10.240.0.22")));
    assertThat(run(node, "ip", "-d", "link", "show", "vx"))
        .contains("vxlan id 78 local 10.240.0.20 dev eth0")
        .contains("dstport 4789 nolearning");
    assertThat(run(node, "ip", "route")).contains("10.200.1.0/24 via 10.200.1.0 dev vx", "onlink");

    inNode.apply(
        new DeleteForwarding(
            Forwarding.of(6, MacAddress.parse("0a:58:00:00:00:02"), ip("10.240.0.21"))),
        ChangeLink.of("eth1").withMaster(0).withMtu(1300),
        ChangeLink.of(10).renamed("moved").movedTo(pod));
    assertThat(run(node, "bridge", "fdb", "show", "dev", "vx")).doesNotContain("10.240.0.21");
    assertThat(inPod.link("moved").orElseThrow().mtu()).isEqualTo(1300);
    assertThat(inNode.link("eth1")).isEmpty();
  }

  @Test
  void deletingTheAbsentIsSuccess() {
    inNode.apply(
        ChangeLink.of("lo").setUp(),
        DeleteLink.of("nothing"),
        DeleteLink.of(4711),
        new DeleteLinkGroup(4711),
        new DeleteAddress(LinkAddress.of(1, ip("10.9.9.9"), 32)),
        new DeleteRoute(Route.to(Prefix.parse("10.9.0.0/16")).on(1)),
        new DeleteRoute(Route.to(Prefix.parse("fd09::/16")).on(1)),
        new DeleteNeighbour(Neighbour.of(1, ip("10.9.9.9"), new MacAddress(1))));
  }

  @Test
  void aFailureNamesTheRequestAndTheOthersAreDone() {
    assertThatThrownBy(() ->
            inNode.apply(
                new PutAddress(LinkAddress.of(4711, ip("10.9.9.9"), 32)),
                ChangeLink.of("lo").setUp()))
        .isInstanceOfSatisfying(
            KernelException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENODEV))
        .hasMessageStartingWith("RTM_NEWADDR PutAddress[address=LinkAddress[link=4711")
        .hasMessageContaining("ENODEV (19, no such device)");
    assertThat(inNode.link("lo").orElseThrow().up()).isTrue();
    assertThatThrownBy(() ->
            inNode.apply(new AddRoute(Route.to(Prefix.parse("10.9.0.0/16")).via(ip("1.2.3.4")))))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("Nexthop");
  }

  @Test
  void routesOfEveryTypeAndTable() throws Exception {
    Prefix prefix = Prefix.parse("10.5.0.0/16");
    Route hole = Route.to(prefix).of(Route.Type.BLACKHOLE).inTable(1000).withProtocol(78);
    Route local =
        Route.to(Prefix.parse("10.32.0.10/32"))
            .of(Route.Type.LOCAL)
            .on(1)
            .inTable(Route.TABLE_LOCAL);
    inNode.apply(ChangeLink.of("lo").setUp(), new PutRoute(hole), new PutRoute(local));
    assertThat(inNode.routes()).contains(hole, local);
    assertThat(run(node, "ip", "route", "show", "table", "1000"))
        .contains("blackhole 10.5.0.0/16 proto 78");
    inNode.apply(new DeleteRoute(hole), new DeleteRoute(local));
    assertThat(inNode.routes()).doesNotContain(hole, local);
  }

  @Test
  void aBatchLargerThanOneSendAndADumpLargerThanOneAnswer() {
    inNode.apply(ChangeLink.of("lo").setUp());
    List<RouteRequest> requests = new ArrayList<>();
    Prefix all = Prefix.parse("10.0.0.0/8");
    for (int i = 0; i < 4500; i++) {
      requests.add(
          new PutRoute(Route.to(all.subnet(24, i)).on(1).of(Route.Type.UNICAST).withProtocol(78)));
    }
    inNode.apply(requests);
    assertThat(inNode.routes().stream().filter(route -> route.protocol() == 78)).hasSize(4500);
  }

  @Test
  void aGroupOfLinksGoesAtOnce() {
    for (int i = 0; i < 5; i++) {
      inNode.apply(
          new AddVeth(
              LinkSpec.named("a" + i).withGroup(4), LinkSpec.named("eth" + i).withGroup(0)));
    }
    assertThat(inNode.link("a3").orElseThrow().group()).isEqualTo(4);
    inNode.apply(new DeleteLinkGroup(4));
    assertThat(inNode.links()).extracting(Link::name).containsExactly("lo");
  }
}
