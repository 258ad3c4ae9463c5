// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.PodLab;
import dev.fairway.podnet.PodTalk;
import dev.fairway.podnet.PodTalk.Pair;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The program on real packets, beside the rules that Services are made of.
final class FastPathTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final int PORT = 8080;

  private PodLab lab;
  private NetworkNamespace a;
  private NetworkNamespace b;
  private FastPath fast;

  @BeforeEach
  void start() throws Exception {
    lab = new PodLab();
    a = lab.pod("a", 2);
    b = lab.pod("b", 3);
    fast = on();
  }

  @AfterEach
  void stop() {
    fast.close();
    lab.close();
  }

  private FastPath on() throws Exception {
    FastPath started = new FastPath(lab.node, new FastPath.Mode(true));
    assertThat(started.await(PATIENCE)).isTrue();
    assertThat(started.status().why()).isEmpty();
    return started;
  }

  private long direct() {
    return count(Outcome.DIRECT);
  }

  private long count(Outcome outcome) {
    return fast.status().packets().getOrDefault(outcome, 0L);
  }

  private static String address(String family, int number) {
    return family.equals("IPv4") ? PodLab.v4(number) : PodLab.v6(number);
  }

  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void podsOfOneNodeReachOneAnotherDirectly(String family) throws Exception {
    // First, as a connection says more than one asks it to.
    try (DatagramSocket client = PodTalk.udp(a, 0);
        DatagramSocket server = PodTalk.udp(b, PORT)) {
      long before = direct();
      PodTalk.send(client, address(family, 3), PORT, 100);
      DatagramPacket asked = PodTalk.receive(server);
      PodTalk.send(server, address(family, 2), asked.getPort(), 100);
      PodTalk.receive(client);
      assertThat(direct()).isEqualTo(before + 2);
      // In fragments: the stack's work.
      PodTalk.send(client, address(family, 3), PORT, 5000);
      assertThat(PodTalk.receive(server).getLength()).isEqualTo(5000);
      assertThat(direct()).isEqualTo(before + 2);
    }
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, address(family, 3), PORT, listener)) {
      long before = direct();
      pair.exchange();
      assertThat(direct()).isGreaterThanOrEqualTo(before + 2);
      assertThat(pair.server().getInetAddress())
          .isEqualTo(InetAddress.getByName(address(family, 2)));
      byte[] much = new byte[1 << 20];
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  pair.client().getOutputStream().write(much);
                } catch (java.io.IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      assertThat(pair.server().getInputStream().readNBytes(much.length)).isEqualTo(much);
      writer.join();
    }
  }

  private void service(String name, String address, int to) throws Exception {
    boolean four = address.indexOf(':') < 0;
    String family = four ? "ip" : "ip6";
    String target = four ? PodLab.v4(to) : "[" + PodLab.v6(to) + "]";
    lab.nft(
        "add table %1$s %2$s; add chain %1$s %2$s pre { type nat hook prerouting priority -100; };"
                .formatted(family, name)
            + " add rule %1$s %2$s pre %1$s daddr %3$s meta l4proto {tcp,udp} dnat to %4$s:%5$d;"
                .formatted(family, name, address, target, PORT)
            + " add chain %1$s %2$s post { type nat hook postrouting priority 100; };"
                .formatted(family, name)
            + " add rule %1$s %2$s post %1$s saddr %3$s %1$s daddr %3$s masquerade"
                .formatted(family, name, four ? PodLab.v4(to) : PodLab.v6(to)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void aServiceIsTranslatedBothWays(String family) throws Exception {
    String service = family.equals("IPv4") ? "10.32.0.50" : "fd00:32::50";
    service("web", service, 3);
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, service, 80, listener)) {
      long before = direct();
      pair.exchange();
      assertThat(direct()).isEqualTo(before);
    }
    try (DatagramSocket client = PodTalk.udp(a, 0);
        DatagramSocket server = PodTalk.udp(b, PORT)) {
      PodTalk.send(client, service, 80, 10);
      DatagramPacket asked = PodTalk.receive(server);
      PodTalk.send(server, address(family, 2), asked.getPort(), 10);
      assertThat(PodTalk.receive(client).getAddress()).isEqualTo(InetAddress.getByName(service));
    }
  }

  @Test
  void aPodReachesItselfByItsService() throws Exception {
    service("web", "10.32.0.50", 3);
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(b, 0, "10.32.0.50", 80, listener)) {
      pair.exchange();
      assertThat(pair.server().getInetAddress().getHostAddress()).isNotEqualTo(PodLab.v4(3));
    }
  }

  @Test
  void anErrorAboutATranslatedDatagramComesBack() throws Exception {
    service("web", "10.32.0.50", 3);
    try (DatagramSocket client = PodTalk.udp(a, 0)) {
      client.connect(new InetSocketAddress("10.32.0.50", 80));
      client.send(new DatagramPacket(new byte[1], 1));
      assertThatThrownBy(() -> PodTalk.receive(client))
          .isInstanceOf(PortUnreachableException.class);
    }
    try (DatagramSocket client = PodTalk.udp(a, 0)) {
      client.connect(new InetSocketAddress(PodLab.v4(3), 81));
      client.send(new DatagramPacket(new byte[1], 1));
      assertThatThrownBy(() -> PodTalk.receive(client))
          .isInstanceOf(PortUnreachableException.class);
    }
  }

  /// One port of the client, the same endpoint, once by the Service and once directly.
  @ParameterizedTest
  @ValueSource(strings = {"IPv4 service first", "IPv4 direct first", "IPv6 direct first"})
  void theSamePortsDirectlyAndByAServiceAtOnce(String which) throws Exception {
    boolean four = which.startsWith("IPv4");
    String service = four ? "10.32.0.50" : "fd00:32::50";
    String pod = four ? PodLab.v4(3) : PodLab.v6(3);
    service("web", service, 3);
    boolean serviceFirst = which.endsWith("service first");
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair first =
            serviceFirst
                ? PodTalk.open(a, 40_000, service, 80, listener)
                : PodTalk.open(a, 40_000, pod, PORT, listener)) {
      first.exchange();
      try (Pair second =
          serviceFirst
              ? PodTalk.open(a, 40_000, pod, PORT, listener)
              : PodTalk.open(a, 40_000, service, 80, listener)) {
        for (int i = 0; i < 3; i++) {
          second.exchange();
          first.exchange();
        }
        assertThat(second.server().getPort()).isNotEqualTo(first.server().getPort());
      }
      first.exchange();
      // Once for each time that the second knocks, which is more than once only if nobody hears.
      if (serviceFirst) {
        assertThat(count(Outcome.CLASH)).isZero();
      } else {
        assertThat(count(Outcome.CLASH)).isPositive();
      }
    }
  }

  @Test
  void comingAndGoingCutsNoConnection() throws Exception {
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair begunDirectly = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
      begunDirectly.exchange();
      fast.close();
      begunDirectly.exchange(); // with nobody there
      fast = new FastPath(lab.node, new FastPath.Mode(false));
      assertThat(fast.await(PATIENCE)).isTrue();
      assertThat(fast.status().on()).isFalse();
      begunDirectly.exchange();
      try (Pair begunInStack = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
        begunInStack.exchange();
        fast.close();
        fast = on();
        long before = direct();
        begunInStack.exchange();
        begunDirectly.exchange();
        assertThat(direct()).as("what the stack knows stays there").isEqualTo(before);
        assertThat(count(Outcome.TRACKED)).isPositive();
      }
    }
  }

  @Test
  void theNextAgentTakesOver() throws Exception {
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
      fast.close();
      lab.pod("c", 4);
      fast = on();
      assertThat(fast.status().links()).isEqualTo(3);
      long before = direct();
      pair.exchange();
      assertThat(direct()).isGreaterThanOrEqualTo(before + 2);
    }
  }

  @Test
  void anAddressOfADeletedPodIsNobodysUntilItIsGivenAgain() throws Exception {
    fast.disconnect(lab.wire("b").addresses());
    lab.disconnect("b");
    NetworkNamespace next = lab.pod("next", 3);
    try (ServerSocket listener = PodTalk.listen(next, PORT)) {
      try (Pair early = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
        early.exchange();
      }
      fast.changed();
      assertThat(fast.await(PATIENCE)).isTrue();
      try (Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
        long before = direct();
        pair.exchange();
        assertThat(direct()).isGreaterThanOrEqualTo(before + 2);
      }
    }
  }

  @Test
  void anAddressOnItsWayOutStaysOutThoughTheKernelShowsIt() throws Exception {
    fast.disconnect(lab.wire("b").addresses());
    assertThat(fast.await(PATIENCE)).isTrue();
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
      pair.exchange();
      assertThat(direct()).isZero();
    }
    int link;
    try (RouteNetlink netlink = RouteNetlink.open(lab.node)) {
      link = netlink.link(lab.wire("b").hostName()).orElseThrow().index();
    }
    fast.connected(lab.wire("b"), link);
    assertThat(fast.await(PATIENCE)).isTrue();
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
      pair.exchange();
      assertThat(direct()).isPositive();
    }
  }

  /// The guard drops it in the stack; past the stack it would get through.
  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void answersOfDhcpServersMeetTheGuard(String family) throws Exception {
    try (DatagramSocket server = PodTalk.udp(a, family.equals("IPv4") ? 67 : 547);
        DatagramSocket client = PodTalk.udp(b, PORT)) {
      PodTalk.send(server, address(family, 3), PORT, 100);
      PodTalk.receive(client);
      assertThat(direct()).isZero();
      assertThat(count(Outcome.OTHER)).isPositive();
    }
  }

  @Test
  void whatNeedsTheStackTakesTheStack() throws Exception {
    fast.needStack(Set.of(IpAddress.parse(PodLab.v4(3))));
    assertThat(fast.await(PATIENCE)).isTrue();
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
      pair.exchange();
      assertThat(direct()).isZero();
    }
    fast.needStack(Set.of());
    PodLab.run(
        lab.node,
        "tc",
        "qdisc",
        "add",
        "dev",
        lab.wire("b").hostName(),
        "root",
        "tbf",
        "rate",
        "1gbit",
        "burst",
        "100k",
        "latency",
        "10ms");
    assertThat(fast.await(PATIENCE)).isTrue();
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
      pair.exchange();
      assertThat(direct()).isZero();
      assertThat(count(Outcome.NEEDS_STACK)).isPositive();
    }
  }
}
