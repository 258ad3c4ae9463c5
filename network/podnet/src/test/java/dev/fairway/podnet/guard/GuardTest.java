// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Link;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.PacketSocket;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.podnet.PodLab;
import dev.fairway.podnet.PodTalk;
import dev.fairway.podnet.attach.Wire;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Frames that no pod should send, from a pod that does, at a real kernel.
final class GuardTest {
  private static final MacAddress STRANGER = MacAddress.parse("02:00:00:00:00:99");

  private PodLab lab;
  private NetworkNamespace a;
  private MacAddress mac;
  private Guard guard;
  private PacketSocket wire;

  @BeforeEach
  void start() throws Exception {
    lab = new PodLab();
    a = lab.pod("a", 2);
    mac = lab.wire("a").mac();
    guard = new Guard(lab.node, true);
    lab.wires.watch(List.of(guard));
    wire = open(a);
    // Counts what comes through, whatever becomes of it then.
    lab.nft(
        "add table netdev seen; add table inet passed; add chain inet passed pre { type filter"
            + " hook prerouting priority -305; }; add rule inet passed pre counter; add table arp"
            + " passed; add chain arp passed in { type filter hook input priority 10; }; add rule"
            + " arp passed in counter");
  }

  @AfterEach
  void stop() {
    wire.close();
    guard.close();
    lab.close();
  }

  private static PacketSocket open(NetworkNamespace pod) {
    try (RouteNetlink netlink = RouteNetlink.open(pod)) {
      return PacketSocket.open(pod, netlink.link("eth0").orElseThrow().index());
    }
  }

  private static byte[] frame(MacAddress from, int type, byte[] payload) {
    return ByteBuffer.allocate(14 + payload.length)
        .put(Wire.HOST_MAC.bytes())
        .put(from.bytes())
        .putShort((short) type)
        .put(payload)
        .array();
  }

  private static byte[] ipv4(MacAddress from, String source, int sourcePort) {
    ByteBuffer packet = ByteBuffer.allocate(28);
    packet.put((byte) 0x45).put((byte) 0).putShort((short) 28).putInt(0);
    packet.put((byte) 64).put((byte) 17).putShort((short) 0);
    packet.put(IpAddress.parse(source).bytes()).put(IpAddress.parse("10.240.0.20").bytes());
    int sum = 0;
    for (int i = 0; i < 20; i += 2) {
      sum += packet.getShort(i) & 0xffff;
    }
    packet.putShort(10, (short) ~(sum + (sum >>> 16)));
    packet.putShort((short) sourcePort).putShort((short) 9).putShort((short) 8);
    return frame(from, 0x0800, packet.array());
  }

  private static byte[] ipv6(MacAddress from, String source, int protocol, byte[] payload) {
    ByteBuffer packet = ByteBuffer.allocate(40 + payload.length);
    packet.putInt(0x6000_0000).putShort((short) payload.length);
    packet.put((byte) protocol).put((byte) 255);
    packet.put(IpAddress.parse(source).bytes()).put(IpAddress.parse("ff02::1").bytes());
    return frame(from, 0x86dd, packet.put(payload).array());
  }

  private static byte[] icmp(int type, String target) {
    return ByteBuffer.allocate(24)
        .put((byte) type)
        .position(8)
        .put(IpAddress.parse(target).bytes())
        .array();
  }

  private static byte[] arp(MacAddress link, MacAddress sender, String address) {
    return frame(
        link,
        0x0806,
        ByteBuffer.allocate(28)
            .putShort((short) 1)
            .putShort((short) 0x0800)
            .put((byte) 6)
            .put((byte) 4)
            .putShort((short) 2)
            .put(sender.bytes())
            .put(IpAddress.parse(address).bytes())
            .array());
  }

  /// How many packets passed the guard.
  private long passed(String family) throws Exception {
    String text = PodLab.run(lab.node, "nft", "list", "table", family, "passed");
    int at = text.indexOf("counter packets ") + "counter packets ".length();
    return Long.parseLong(text.substring(at, text.indexOf(' ', at)));
  }

  private void assertDropped(byte[] frame, String family, GuardReason reason) throws Exception {
    long before = guard.dropped().get(reason);
    long through = passed(family);
    wire.send(frame);
    awaitDropped(reason, before + 1);
    assertThat(passed(family)).isEqualTo(through);
  }

  private void assertPasses(byte[] frame, String family) throws Exception {
    long through = passed(family);
    wire.send(frame);
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (passed(family) <= through && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertThat(passed(family)).isEqualTo(through + 1);
  }

  /// The kernel may take its time with what was sent.
  private void awaitDropped(GuardReason reason, long count) {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (guard.dropped().get(reason) < count && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertThat(guard.dropped().get(reason)).as(reason.toString()).isEqualTo(count);
  }

  @Test
  void aPodSendsOnlyByItsOwnAddresses() throws Exception {
    quietly();
    assertPasses(ipv4(mac, PodLab.v4(2), 1000), "inet");
    assertDropped(ipv4(STRANGER, PodLab.v4(2), 1000), "inet", GuardReason.SOURCE_IPV4);
    assertDropped(ipv4(mac, PodLab.v4(3), 1000), "inet", GuardReason.SOURCE_IPV4);
    assertDropped(ipv4(mac, "0.0.0.0", 68), "inet", GuardReason.SOURCE_IPV4);
    assertDropped(ipv4(mac, PodLab.v4(2), 67), "inet", GuardReason.DHCP_IPV4);
    assertPasses(arp(mac, mac, PodLab.v4(2)), "arp");
    assertDropped(arp(mac, mac, "10.240.0.1"), "arp", GuardReason.ARP);
    assertDropped(arp(mac, STRANGER, PodLab.v4(2)), "arp", GuardReason.ARP);
    assertPasses(ipv4(mac, PodLab.v4(2), 68), "inet"); // a client of DHCP is no server
  }

  @Test
  void aPodIsNoRouterAndSpeaksForNoNeighbour() throws Exception {
    quietly();
    byte[] datagram = ByteBuffer.allocate(8).putShort((short) 1000).array();
    byte[] answer = ByteBuffer.allocate(8).putShort((short) 547).array();
    assertPasses(ipv6(mac, PodLab.v6(2), 17, datagram), "inet");
    // By an address that is not routed only what a link needs.
    assertDropped(ipv6(mac, "fe80::2", 17, datagram), "inet", GuardReason.SOURCE_IPV6);
    assertPasses(ipv6(mac, "fe80::2", 58, icmp(135, PodLab.v6(3))), "inet");
    assertDropped(
        ipv6(STRANGER, "fe80::2", 58, icmp(135, "::")), "inet", GuardReason.SOURCE_ICMPV6);
    assertDropped(ipv6(STRANGER, PodLab.v6(2), 17, datagram), "inet", GuardReason.SOURCE_IPV6);
    assertDropped(ipv6(STRANGER, "fe80::2", 17, datagram), "inet", GuardReason.SOURCE_IPV6);
    assertDropped(ipv6(mac, PodLab.v6(3), 17, datagram), "inet", GuardReason.SOURCE_IPV6);
    assertDropped(ipv6(mac, "fe80::2", 58, icmp(134, "::")), "inet", GuardReason.ROUTER);
    assertDropped(ipv6(mac, "fe80::2", 58, icmp(137, "::")), "inet", GuardReason.REDIRECT);
    // Behind an extension header, too.
    byte[] hidden = ByteBuffer.allocate(32).put((byte) 58).position(8).put(icmp(134, "::")).array();
    assertDropped(ipv6(mac, "fe80::2", 60, hidden), "inet", GuardReason.ROUTER);
    assertPasses(ipv6(mac, PodLab.v6(2), 58, icmp(136, PodLab.v6(2))), "inet");
    assertDropped(
        ipv6(mac, PodLab.v6(2), 58, icmp(136, PodLab.v6(3))), "inet", GuardReason.NEIGHBOUR);
    assertDropped(
        ipv6(STRANGER, PodLab.v6(2), 58, icmp(136, PodLab.v6(2))), "inet", GuardReason.NEIGHBOUR);
    assertPasses(ipv6(mac, "::", 58, icmp(135, PodLab.v6(2))), "inet");
    assertDropped(
        ipv6(STRANGER, "::", 58, icmp(135, PodLab.v6(2))), "inet", GuardReason.SOURCE_ICMPV6);
    assertDropped(ipv6(mac, PodLab.v6(2), 17, answer), "inet", GuardReason.DHCP_IPV6);
    assertPasses(ipv6(mac, PodLab.v6(2), 58, icmp(128, "::")), "inet");
    assertDropped(ipv6(mac, PodLab.v6(3), 58, icmp(128, "::")), "inet", GuardReason.SOURCE_ICMPV6);
  }

  @Test
  void podsThatMustAreExempt() throws Exception {
    quietly();
    guard.exempt(
        Map.of(
            IpAddress.parse(PodLab.v4(2)),
            new Guard.Exemption(false, List.of(IpAddress.parse("10.99.0.1")))));
    assertPasses(ipv4(mac, "10.99.0.1", 1000), "inet");
    assertPasses(arp(mac, mac, "10.99.0.1"), "arp");
    assertDropped(ipv4(mac, "10.99.0.2", 1000), "inet", GuardReason.SOURCE_IPV4);
    guard.exempt(Map.of(IpAddress.parse(PodLab.v4(2)), new Guard.Exemption(true, List.of())));
    assertPasses(ipv4(STRANGER, "10.99.0.2", 1000), "inet");
    guard.exempt(Map.of());
    assertDropped(ipv4(mac, "10.99.0.1", 1000), "inet", GuardReason.SOURCE_IPV4);
  }

  @Test
  void aPermitIsForThePodThatHadTheAddressNotForTheNext() throws Exception {
    quietly();
    IpAddress address = IpAddress.parse(PodLab.v4(2));
    guard.exempt(Map.of(address, new Guard.Exemption(true, List.of(), "test/another")));
    assertDropped(ipv4(STRANGER, "10.99.0.2", 1000), "inet", GuardReason.SOURCE_IPV4);
    guard.exempt(Map.of(address, new Guard.Exemption(true, List.of(), "test/a")));
    assertPasses(ipv4(STRANGER, "10.99.0.2", 1000), "inet");
    // The next agent, before it has heard anything.
    Map<IpAddress, Guard.Exemption> kept =
        Map.of(address, new Guard.Exemption(true, List.of(), "test/a"));
    guard.close();
    guard = new Guard(lab.node, true, kept);
    assertPasses(ipv4(STRANGER, "10.99.0.2", 1000), "inet");
    guard.close();
    guard = new Guard(lab.node, true);
    assertDropped(ipv4(STRANGER, "10.99.0.2", 1000), "inet", GuardReason.SOURCE_IPV4);
  }

  @Test
  void aPodOnItsWayOutSendsNothing() throws Exception {
    quietly();
    byte[] datagram = ByteBuffer.allocate(8).putShort((short) 1000).array();
    guard.disconnecting(lab.wire("a").addresses());
    for (int round = 0; round < 2; round++) {
      assertDropped(ipv4(mac, PodLab.v4(2), 1000), "inet", GuardReason.SOURCE_IPV4);
      assertDropped(arp(mac, mac, PodLab.v4(2)), "arp", GuardReason.ARP);
      assertDropped(ipv6(mac, "fe80::2", 17, datagram), "inet", GuardReason.SOURCE_IPV6);
      guard.resync(); // the kernel still shows it as it was
    }
    guard.connected(lab.wire("a"), link("a").orElseThrow());
    assertPasses(ipv4(mac, PodLab.v4(2), 1000), "inet");
    lab.disconnect("a");
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (link("a").isPresent() && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    guard.resync();
    assertThat(PodLab.run(lab.node, "nft", "list", "set", "ip", "fairway-guard", "links"))
        .doesNotContain("elements");
  }

  private Optional<Integer> link(String pod) {
    try (RouteNetlink netlink = RouteNetlink.open(lab.node)) {
      return netlink.link(lab.wire(pod).hostName()).map(Link::index);
    }
  }

  @Test
  void podsComeAndGoAndSoDoAgents() throws Exception {
    NetworkNamespace b = lab.pod("b", 3);
    quietly();
    try (PacketSocket other = open(b)) {
      long before = guard.dropped().get(GuardReason.SOURCE_IPV4);
      other.send(ipv4(mac, PodLab.v4(2), 1000));
      awaitDropped(GuardReason.SOURCE_IPV4, before + 1);
    }
    try (ServerSocket listener = PodTalk.listen(b, 8080);
        PodTalk.Pair pair = PodTalk.open(a, 0, PodLab.v6(3), 8080, listener)) {
      guard.close();
      guard = new Guard(lab.node, true);
      lab.wires.watch(List.of(guard));
      pair.exchange();
      assertDropped(ipv4(STRANGER, PodLab.v4(2), 1000), "inet", GuardReason.SOURCE_IPV4);
      lab.nft("delete table ip fairway-guard");
      guard.resync();
      assertDropped(ipv4(STRANGER, PodLab.v4(2), 1000), "inet", GuardReason.SOURCE_IPV4);
      lab.disconnect("b");
      assertThat(PodLab.run(lab.node, "nft", "list", "set", "ip", "fairway-guard", "sources"))
          .contains(PodLab.v4(2))
          .doesNotContain(PodLab.v4(3));
    }
    guard.set(false);
    assertPasses(ipv4(STRANGER, PodLab.v4(2), 1000), "inet");
    assertThat(PodLab.run(lab.node, "nft", "list", "tables")).doesNotContain("guard");
  }

  /// What the pod's kernel says by itself at first would be counted too.
  private void quietly() throws Exception {
    a.call(() -> {
      dev.fairway.linux.Sysctls.write("net.ipv6.conf.eth0.router_solicitations", "0");
      return true;
    });
    PodLab.run(lab.node, "nft", "insert rule inet passed pre meta l4proto tcp accept");
    PodLab.run(lab.node, "nft", "insert rule inet passed pre ip6 nexthdr 0 accept");
    PodLab.run(lab.node, "nft", "insert rule inet passed pre icmpv6 type nd-router-solicit accept");
  }
}
