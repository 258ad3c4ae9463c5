// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.PacketSocket;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.podnet.PodLab;
import dev.fairway.podnet.PodTalk;
import dev.fairway.podnet.PodTalk.Pair;
import dev.fairway.podnet.attach.Wire;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What the program has found out about a connection, and what makes that hold no longer.
final class KnownConnectionsTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final int PORT = 8080;
  private static final int CLIENT_PORT = 30_000;

  private PodLab lab;
  private NetworkNamespace a;
  private NetworkNamespace b;
  private FastPath fast;

  @BeforeEach
  void start() throws Exception {
    lab = new PodLab();
    a = lab.pod("a", 2);
    b = lab.pod("b", 3);
    fast = new FastPath(lab.node, new FastPath.Mode(true));
    settle();
    assertThat(fast.status().why()).isEmpty();
  }

  @AfterEach
  void stop() {
    fast.close();
    lab.close();
  }

  private void settle() throws Exception {
    assertThat(fast.await(PATIENCE)).isTrue();
  }

  private long count(Outcome outcome) {
    return fast.status().packets().getOrDefault(outcome, 0L);
  }

  private static String address(String family, int number) {
    return family.equals("IPv4") ? PodLab.v4(number) : PodLab.v6(number);
  }

  private Pair known(String family, ServerSocket listener) throws Exception {
    Pair pair = PodTalk.open(a, CLIENT_PORT, address(family, 3), PORT, listener);
    long before = count(Outcome.DIRECT);
    pair.exchange();
    pair.exchange();
    assertThat(count(Outcome.DIRECT)).isGreaterThanOrEqualTo(before + 4);
    return pair;
  }

  private void assertByTheStack(Pair pair) throws IOException {
    long before = count(Outcome.DIRECT);
    pair.exchange();
    assertThat(count(Outcome.DIRECT)).isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void itGoesOnWhileOtherPodsComeAndGo(String family) throws Exception {
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = known(family, listener)) {
      for (int round = 0; round < 3; round++) {
        lab.pod("c", 4);
        fast.changed();
        settle();
        long before = count(Outcome.DIRECT);
        pair.exchange();
        assertThat(count(Outcome.DIRECT)).isGreaterThanOrEqualTo(before + 2);
        fast.disconnect(lab.wire("c").addresses());
        lab.disconnect("c");
        pair.exchange();
        settle();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void thePodThatHasTheAddressNextGetsWhatIsSentThere(String family) throws Exception {
    for (boolean seen : new boolean[] {false, true}) {
      ServerSocket listener = PodTalk.listen(b, PORT);
      Pair pair = known(family, listener);
      fast.disconnect(lab.wire("b").addresses());
      lab.disconnect("b");
      b = lab.pod("b", 3);
      if (seen) {
        fast.changed();
        settle();
      }
      // Who never heard of the connection says so.
      assertThatThrownBy(
              () -> {
                pair.client().getOutputStream().write(7);
                pair.client().getInputStream().read();
              })
          .hasMessageContaining("reset");
      pair.close();
      listener.close();
      fast.changed();
      settle();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void onceAPodNeedsTheStackItTakesTheStack(int which) throws Exception {
    for (String family : new String[] {"IPv4", "IPv6"}) {
      try (ServerSocket listener = PodTalk.listen(b, PORT);
          Pair pair = known(family, listener)) {
        fast.needStack(Set.of(IpAddress.parse(address(family, which))));
        settle();
        assertByTheStack(pair);
        fast.needStack(Set.of());
        settle();
        assertByTheStack(pair); // which knows it by now
      }
    }
  }

  @Test
  void switchedOffItPassesTheStack() throws Exception {
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = known("IPv4", listener)) {
      fast.set(new FastPath.Mode(false));
      settle();
      pair.exchange();
      assertThat(PodLab.run(lab.node, "conntrack", "-L")).contains("sport=" + CLIENT_PORT);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void whatConnectionTrackingLearnsLaterIsHeard(String family) throws Exception {
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = known(family, listener)) {
      PodLab.run(
          lab.node,
          "conntrack",
          "-I",
          "-p",
          "tcp",
          "-s",
          address(family, 2),
          "-d",
          address(family, 3),
          "--sport",
          String.valueOf(CLIENT_PORT),
          "--dport",
          String.valueOf(PORT),
          "--state",
          "ESTABLISHED",
          "--timeout",
          "300");
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      long before;
      do {
        assertThat(System.nanoTime()).isLessThan(deadline);
        before = count(Outcome.DIRECT);
        pair.exchange();
      } while (count(Outcome.DIRECT) > before);
      assertThat(count(Outcome.TRACKED)).isPositive();
    }
  }

  /// Another pod, or the same one by another MAC, with the very tuple of a connection that is
  /// known.
  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void whoPretendsToBeOneOfTheTwoIsNot(String family) throws Exception {
    NetworkNamespace c = lab.pod("c", 4);
    fast.changed();
    settle();
    MacAddress mac = lab.wire("a").mac();
    MacAddress strange = lab.wire("c").mac();
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = known(family, listener);
        PacketSocket own = packets(a);
        PacketSocket others = packets(c)) {
      pair.exchange();
      byte[] right = tcp(family, mac, 2, CLIENT_PORT, 3, PORT);
      long direct = count(Outcome.DIRECT);
      own.send(right);
      awaitMore(Outcome.DIRECT, direct, "as the pod sends itself");
      pair.exchange();
      assertNotThePods(others, right);
      assertNotThePods(others, tcp(family, strange, 2, CLIENT_PORT, 3, PORT));
      assertNotThePods(others, tcp(family, lab.wire("b").mac(), 3, PORT, 2, CLIENT_PORT));
      assertNotThePods(own, tcp(family, strange, 2, CLIENT_PORT, 3, PORT));
      assertNotThePods(own, tcp(family, mac, 3, PORT, 2, CLIENT_PORT));
      pair.exchange();
    }
  }

  private void assertNotThePods(PacketSocket from, byte[] frame) {
    long before = count(Outcome.NOT_THE_PODS);
    from.send(frame);
    awaitMore(Outcome.NOT_THE_PODS, before, "not the pod's");
    assertThat(count(Outcome.NOT_THE_PODS)).isEqualTo(before + 1);
  }

  /// The kernel may take its time with what was sent.
  private void awaitMore(Outcome outcome, long before, String what) {
    await(what, () -> count(outcome) > before);
  }

  private static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      LockSupport.parkNanos(1_000_000);
    }
  }

  private static PacketSocket packets(NetworkNamespace pod) {
    try (RouteNetlink netlink = RouteNetlink.open(pod)) {
      return PacketSocket.open(pod, netlink.link("eth0").orElseThrow().index());
    }
  }

  /// An acknowledgement out of any window; its checksum is wrong, so that nobody heeds it.
  private static byte[] tcp(
      String family, MacAddress mac, int from, int fromPort, int to, int toPort) {
    boolean four = family.equals("IPv4");
    ByteBuffer frame = ByteBuffer.allocate(14 + (four ? 20 : 40) + 20);
    frame.put(Wire.HOST_MAC.bytes()).put(mac.bytes());
    if (four) {
      frame.putShort((short) 0x0800).putInt(0x4500_0028).putInt(0x4000).putInt(0x4006_0000);
    } else {
      frame.putShort((short) 0x86dd).putInt(0x6000_0000).putInt(0x0014_0640);
    }
    frame.put(IpAddress.parse(address(family, from)).bytes());
    frame.put(IpAddress.parse(address(family, to)).bytes());
    frame.putShort((short) fromPort).putShort((short) toPort).putInt(1).putInt(1);
    return frame.putInt(0x5010_0400).putInt(0x1234_0000).array();
  }

  private void service(String family, String address) throws Exception {
    boolean four = family.equals("IPv4");
    lab.nft(
        "add table %1$s web; add chain %1$s web pre { type nat hook prerouting priority -100; };"
                .formatted(four ? "ip" : "ip6")
            + " add rule %1$s web pre %1$s daddr %2$s tcp dport 80 dnat to %3$s:%4$d"
                .formatted(
                    four ? "ip" : "ip6",
                    address,
                    four ? PodLab.v4(3) : "[" + PodLab.v6(3) + "]",
                    PORT));
  }

  /// The ports of the first two meet in one place of the program's memory: the one that has to give
  /// way is remembered elsewhere.
  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void whoeverIsDisplacedIsStillNoticed(String family) throws Exception {
    String service = family.equals("IPv4") ? "10.32.0.50" : "fd00:32::50";
    service(family, service);
    int sameplace = CLIENT_PORT + (1 << ConnectionCode.PLACE_BITS);
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair first = known(family, listener);
        Pair second = PodTalk.open(a, sameplace, address(family, 3), PORT, listener)) {
      second.exchange();
      long before = count(Outcome.DIRECT);
      first.exchange();
      assertThat(count(Outcome.DIRECT)).isGreaterThanOrEqualTo(before + 2);
      for (Pair direct : new Pair[] {first, second}) {
        long clashes = count(Outcome.CLASH);
        try (Pair translated =
            PodTalk.open(a, direct.client().getLocalPort(), service, 80, listener)) {
          translated.exchange();
          direct.exchange();
          translated.exchange();
          assertThat(translated.server().getPort()).isNotEqualTo(direct.server().getPort());
        }
        assertThat(count(Outcome.CLASH)).isGreaterThan(clashes);
        direct.exchange();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void thePortOfOneThatWasResetIsFree(String family) throws Exception {
    String service = family.equals("IPv4") ? "10.32.0.50" : "fd00:32::50";
    service(family, service);
    try (ServerSocket listener = PodTalk.listen(b, PORT)) {
      Pair ended = known(family, listener);
      ended.client().setSoLinger(true, 0); // by a reset, so that nobody waits
      ended.close();
      await("its end is heard", () -> fast.begun().isEmpty());
      try (Pair pair = PodTalk.open(a, CLIENT_PORT, service, 80, listener)) {
        pair.exchange();
        assertThat(count(Outcome.CLASH)).isZero();
        assertThat(pair.server().getPort()).isEqualTo(CLIENT_PORT);
      }
    }
  }

  /// As its sender has ended the first, the same port may lead to the same endpoint once more.
  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void thePortOfOneThatHasEndedIsFree(String family) throws Exception {
    String service = family.equals("IPv4") ? "10.32.0.50" : "fd00:32::50";
    service(family, service);
    try (ServerSocket listener = PodTalk.listen(b, PORT)) {
      Pair ended = known(family, listener);
      ended.server().close(); // who ends first has to wait for a minute
      ended.client().close();
      await("its end is heard", () -> fast.begun().isEmpty());
      try (Pair pair = PodTalk.open(a, CLIENT_PORT, service, 80, listener)) {
        pair.exchange();
        assertThat(count(Outcome.CLASH)).isZero();
      }
    }
  }

  /// One end is done, the other has much to say yet.
  @ParameterizedTest
  @ValueSource(strings = {"IPv4", "IPv6"})
  void oneThatIsHalfClosedGoesOn(String family) throws Exception {
    try (ServerSocket listener = PodTalk.listen(b, PORT);
        Pair pair = known(family, listener)) {
      pair.client().shutdownOutput();
      assertThat(pair.server().getInputStream().read()).isEqualTo(-1);
      long before = count(Outcome.DIRECT);
      for (int i = 0; i < 100; i++) {
        pair.server().getOutputStream().write(i);
        assertThat(pair.client().getInputStream().read()).isEqualTo(i);
      }
      assertThat(count(Outcome.DIRECT)).isGreaterThanOrEqualTo(before + 100);
    }
  }
}
