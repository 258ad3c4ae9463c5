// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.podnet.PodLab;
import dev.fairway.podnet.PodTalk;
import dev.fairway.podnet.PodTalk.Pair;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The programs on real packets between two nodes, beside connection tracking and rules that
/// translate.
final class AcrossNodesTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final int PORT = 8080;

  private PodLab near;
  private PodLab far;
  private NetworkNamespace a;
  private NetworkNamespace c;
  private FastPath nearFast;
  private FastPath farFast;

  @BeforeEach
  void start() throws Exception {
    near = new PodLab(0);
    far = new PodLab(1);
    a = near.pod("a", 2);
    c = far.pod("c", 3);
    try (RouteNetlink netlink = RouteNetlink.open(near.node)) {
      netlink.apply(
          new RouteRequest.AddVeth(LinkSpec.named("eth0"), LinkSpec.named("eth0").in(far.node)));
    }
    nearFast = new FastPath(near.node, new FastPath.Mode(true));
    farFast = new FastPath(far.node, new FastPath.Mode(true));
  }

  @AfterEach
  void stop() {
    nearFast.close();
    farFast.close();
    near.close();
    far.close();
  }

  private void connect(String backend) throws Exception {
    connect(near.node, 0, 1, backend);
    connect(far.node, 1, 0, backend);
    settle(nearFast);
    settle(farFast);
  }

  private static void settle(FastPath fast) throws Exception {
    assertThat(fast.await(PATIENCE)).isTrue();
    assertThat(fast.status().why()).isEmpty();
  }

  private static void connect(NetworkNamespace node, int me, int other, String backend)
      throws IOException {
    String underlay =
        """
        ip addr add 10.240.1.2%1$d/24 dev eth0
        ip -6 addr add fd00:240::2%1$d/64 dev eth0 nodad
        ip link set eth0 up
        """;
    String ways =
        switch (backend) {
          case "routes" ->
              """
              ip route add 10.200.%2$d.0/24 via 10.240.1.2%2$d proto 87
              ip -6 route add fd00:200:0:%2$d::/64 via fd00:240::2%2$d proto 87
              """;
          case "vxlan" ->
              """
              ip link add tunnel type vxlan id 1 dev eth0 local 10.240.1.2%1$d dstport 8472 nolearning
              ip link set tunnel address 0e:00:00:00:00:0%1$d
              ip link set tunnel up
              ip neigh add 10.200.%2$d.0 lladdr 0e:00:00:00:00:0%2$d dev tunnel nud permanent
              ip -6 neigh add fd00:200:0:%2$d:: lladdr 0e:00:00:00:00:0%2$d dev tunnel nud permanent
              bridge fdb add 0e:00:00:00:00:0%2$d dev tunnel dst 10.240.1.2%2$d
              ip route add 10.200.%2$d.0/24 via 10.200.%2$d.0 dev tunnel onlink proto 87
              ip -6 route add fd00:200:0:%2$d::/64 via fd00:200:0:%2$d:: dev tunnel onlink proto 87
              """;
          default -> throw new IllegalArgumentException(backend);
        };
    PodLab.run(node, "sh", "-ec", (underlay + ways).formatted(me, other));
  }

  private long across() {
    return count(nearFast, Outcome.ACROSS);
  }

  private long arrived() {
    return count(nearFast, Outcome.ARRIVED);
  }

  private static long count(FastPath fast, Outcome outcome) {
    return fast.status().packets().getOrDefault(outcome, 0L);
  }

  private static String address(String family, int node, int pod) {
    return family.equals("IPv4") ? PodLab.v4(node, pod) : PodLab.v6(node, pod);
  }

  @ParameterizedTest
  @CsvSource({"routes,IPv4", "routes,IPv6", "vxlan,IPv4", "vxlan,IPv6"})
  void podsOfTwoNodesPassBothStacks(String backend, String family) throws Exception {
    connect(backend);
    // First, as a connection says more than one asks it to.
    try (DatagramSocket client = PodTalk.udp(a, 0);
        DatagramSocket server = PodTalk.udp(c, PORT)) {
      long before = across();
      PodTalk.send(client, address(family, 1, 3), PORT, 100);
      DatagramPacket asked = PodTalk.receive(server);
      PodTalk.send(server, address(family, 0, 2), asked.getPort(), 100);
      PodTalk.receive(client);
      assertThat(across()).isEqualTo(before + 1);
    }
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair pair = PodTalk.open(a, 0, address(family, 1, 3), PORT, listener)) {
      long before = across();
      long beforeArrived = arrived();
      pair.exchange();
      assertThat(across()).isGreaterThan(before);
      assertThat(arrived()).isGreaterThan(beforeArrived);
      assertThat(count(farFast, Outcome.ACROSS)).isPositive();
      assertThat(count(farFast, Outcome.ARRIVED)).isPositive();
      assertThat(pair.server().getInetAddress())
          .isEqualTo(InetAddress.getByName(address(family, 0, 2)));
    }
    assertThat(tracked(near)).doesNotContain("dport=" + PORT);
    assertThat(tracked(far)).doesNotContain("dport=" + PORT);
  }

  private static String tracked(PodLab lab) throws Exception {
    return PodLab.run(lab.node, "conntrack", "-L")
        + PodLab.run(lab.node, "conntrack", "-L", "-f", "ipv6");
  }

  /// Pods here may send 1500 bytes, the way there takes fewer: the stack tells them so.
  @ParameterizedTest
  @CsvSource({"routes,IPv4", "routes,IPv6", "vxlan,IPv4", "vxlan,IPv6"})
  void tooLargePacketsAreTheStacks(String backend, String family) throws Exception {
    connect(backend);
    PodLab.run(near.node, "ip", "link", "set", "eth0", "mtu", "1400");
    PodLab.run(far.node, "ip", "link", "set", "eth0", "mtu", "1400");
    if (backend.equals("vxlan")) {
      PodLab.run(near.node, "ip", "link", "set", "tunnel", "mtu", "1350");
      PodLab.run(far.node, "ip", "link", "set", "tunnel", "mtu", "1350");
    }
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair pair = PodTalk.open(a, 0, address(family, 1, 3), PORT, listener)) {
      pair.exchange();
      byte[] much = new byte[1 << 20];
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  pair.client().getOutputStream().write(much);
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      assertThat(pair.server().getInputStream().readNBytes(much.length)).isEqualTo(much);
      writer.join();
    }
  }

  private static void translate(PodLab lab, String address, int port, String to) throws Exception {
    String family = address.indexOf(':') < 0 ? "ip" : "ip6";
    String target = family.equals("ip") ? to : "[" + to + "]";
    lab.nft(
        "add table %1$s web; add chain %1$s web pre { type nat hook prerouting priority -100; };"
                .formatted(family)
            + " add rule %1$s web pre %1$s daddr %2$s meta l4proto {tcp,udp} dnat to %3$s:%4$d"
                .formatted(family, address, target, port));
  }

  @ParameterizedTest
  @CsvSource({"routes,IPv4", "routes,IPv6", "vxlan,IPv4", "vxlan,IPv6"})
  void aServiceIsTranslatedBothWays(String backend, String family) throws Exception {
    connect(backend);
    String service = family.equals("IPv4") ? "10.32.0.50" : "fd00:32::50";
    translate(near, service, PORT, address(family, 1, 3));
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair pair = PodTalk.open(a, 0, service, 80, listener)) {
      pair.exchange();
      assertThat(across()).isZero();
      assertThat(arrived()).isZero();
      assertThat(count(farFast, Outcome.ARRIVED)).isPositive();
    }
    try (DatagramSocket client = PodTalk.udp(a, 0);
        DatagramSocket server = PodTalk.udp(c, PORT)) {
      PodTalk.send(client, service, 80, 10);
      DatagramPacket asked = PodTalk.receive(server);
      PodTalk.send(server, address(family, 0, 2), asked.getPort(), 10);
      assertThat(PodTalk.receive(client).getAddress()).isEqualTo(InetAddress.getByName(service));
    }
  }

  /// One port of the client, the same endpoint, once directly and once translated, by the client's
  /// node (a Service) or by the endpoint's (a host port).
  @ParameterizedTest
  @ValueSource(strings = {"near", "far"})
  void theSamePortsDirectlyAndTranslatedAtOnce(String translator) throws Exception {
    connect("routes");
    boolean service = translator.equals("near");
    String address = service ? "10.32.0.50" : "10.240.1.21";
    translate(service ? near : far, address, PORT, PodLab.v4(1, 3));
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair first = PodTalk.open(a, 40_000, PodLab.v4(1, 3), PORT, listener)) {
      first.exchange();
      try (Pair second = PodTalk.open(a, 40_000, address, 80, listener)) {
        for (int i = 0; i < 3; i++) {
          second.exchange();
          first.exchange();
        }
        assertThat(second.server().getPort()).isNotEqualTo(first.server().getPort());
      }
      first.exchange();
    }
  }

  @Test
  void whoIsNoPodTakesTheStack() throws Exception {
    connect("routes");
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair pair = PodTalk.open(near.node, 0, PodLab.v4(1, 3), PORT, listener)) {
      pair.exchange();
      assertThat(count(farFast, Outcome.ARRIVED)).isZero();
      assertThat(count(farFast, Outcome.ACROSS)).isZero();
    }
  }

  /// A way out is no way to pods: what goes there may have to be translated.
  @Test
  void onlyOurOwnRoutesLeadToPods() throws Exception {
    connect("routes");
    PodLab.run(near.node, "ip", "route", "replace", "10.200.1.0/24", "via", "10.240.1.21");
    assertThat(nearFast.await(PATIENCE)).isTrue();
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(1, 3), PORT, listener)) {
      pair.exchange();
      assertThat(across()).isZero();
      assertThat(arrived()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"routes", "vxlan"})
  void comingAndGoingCutsNoConnection(String backend) throws Exception {
    connect(backend);
    try (ServerSocket listener = PodTalk.listen(c, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(1, 3), PORT, listener)) {
      pair.exchange();
      farFast.set(new FastPath.Mode(false));
      assertThat(farFast.await(PATIENCE)).isTrue();
      pair.exchange();
      nearFast.close();
      pair.exchange();
      nearFast = new FastPath(near.node, new FastPath.Mode(false));
      assertThat(nearFast.await(PATIENCE)).isTrue();
      pair.exchange();
      try (Pair later = PodTalk.open(a, 0, PodLab.v4(1, 3), PORT, listener)) {
        farFast.set(new FastPath.Mode(true));
        settle(farFast);
        nearFast.set(new FastPath.Mode(true));
        settle(nearFast);
        long before = across();
        later.exchange();
        assertThat(across()).as("what the stack knows stays there").isEqualTo(before);
        pair.exchange();
      }
      try (Pair last = PodTalk.open(a, 0, PodLab.v4(1, 3), PORT, listener)) {
        last.exchange();
        assertThat(across()).isPositive();
      }
    }
  }

  @Test
  void aLinkThatLeadsNowhereAnyMoreIsLeftAlone() throws Exception {
    connect("routes");
    assertThat(nearFast.status().links()).isEqualTo(2);
    PodLab.run(near.node, "ip", "route", "del", "10.200.1.0/24");
    PodLab.run(near.node, "ip", "-6", "route", "del", "fd00:200:0:1::/64");
    assertThat(nearFast.await(PATIENCE)).isTrue();
    assertThat(nearFast.status().links()).isEqualTo(1);
  }
}
