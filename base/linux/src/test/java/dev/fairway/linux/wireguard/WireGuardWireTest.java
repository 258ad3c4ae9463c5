// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fairway.linux.Errno;
import dev.fairway.linux.GenericNetlink;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetlinkReader;
import dev.fairway.linux.NetlinkSocket;
import dev.fairway.linux.NetlinkWriter;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// The bytes of `linux/wireguard.h`, written down by hand from the header; and the kernel itself,
/// where it has WireGuard.
final class WireGuardWireTest {
  private static final int FAMILY = 0x21;
  private static final int HEADERS = 16 + 4;
  private static final WireGuardSecret SECRET = WireGuardSecret.of(filled(0x40));
  private static final WireGuardKey PEER = WireGuardKey.of(filled(0x11));

  private static byte[] filled(int value) {
    byte[] bytes = new byte[32];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static WireGuardPeer peer(String endpoint, int port, String... ranges) {
    return WireGuardPeer.of(
        PEER,
        new TransportAddress(IpAddress.parse(endpoint), port),
        List.of(ranges).stream().map(Prefix::parse).toList(),
        25);
  }

  private static byte[] written(WireGuardChange change) {
    NetlinkWriter out = new NetlinkWriter(7);
    WireGuardWire.set(out, FAMILY, "wg0", change);
    return out.toBytes();
  }

  private static void assumeLittleEndian() {
    assumeTrue(
        ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN, "the bytes below are little-endian");
  }

  @Test
  void aWholeDeviceInOneMessage() {
    assumeLittleEndian();
    String key = "11".repeat(32);
    String golden =
        """
        b8000000 2100 0500 07000000 00000000  # nlmsghdr: length, family, REQUEST|ACK, 7
        01 01 0000                            # genlmsghdr: WG_CMD_SET_DEVICE, version 1
        0800 0200 77673000                    # WGDEVICE_A_IFNAME "wg0"
        2400 0300 %s                          # WGDEVICE_A_PRIVATE_KEY
        0600 0600 6cca 0000                   # WGDEVICE_A_LISTEN_PORT 51820
        7000 0880                             # WGDEVICE_A_PEERS, nested
        6c00 0080                             #   0, nested
        2400 0100 %s                          #     WGPEER_A_PUBLIC_KEY
        0800 0300 02000000                    #     WGPEER_A_FLAGS: REPLACE_ALLOWEDIPS
        1400 0400 0200 ca6c 0af00015 0000000000000000  # WGPEER_A_ENDPOINT: sockaddr_in
        0600 0500 1900 0000                   #     WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL 25
        2000 0980                             #     WGPEER_A_ALLOWEDIPS, nested
        1c00 0080                             #       0, nested
        0600 0100 0200 0000                   #         WGALLOWEDIP_A_FAMILY: AF_INET
        0800 0200 0ac80100                    #         WGALLOWEDIP_A_IPADDR
        0500 0300 18 000000                   #         WGALLOWEDIP_A_CIDR_MASK
        """
            .formatted(SECRET.hex(), key);
    byte[] written =
        written(
            new WireGuardChange(
                Optional.of(SECRET),
                OptionalInt.of(51820),
                List.of(
                    new WireGuardChange.Put(peer("10.240.0.21", 51820, "10.200.1.0/24"), true))));
    assertThat(HexFormat.of().formatHex(written)).isEqualTo(hex(golden));
  }

  @Test
  void aPeerIsChangedWithoutItsRangesAndAnotherRemoved() {
    assumeLittleEndian();
    String golden =
        """
        a0000000 2100 0500 07000000 00000000
        01 01 0000
        0800 0200 77673000
        8400 0880
        5000 0080
        2400 0100 %1$s
        2000 0400 0a00 0001 00000000 fd000000000000000000000000000009 00000000  # sockaddr_in6
        0600 0500 1900 0000
        3000 0080
        2400 0100 %1$s
        0800 0300 01000000                    # REMOVE_ME
        """
            .formatted("11".repeat(32));
    byte[] written =
        written(
            WireGuardChange.ofPeers(
                List.of(
                    new WireGuardChange.Put(peer("fd00::9", 1, "10.200.1.0/24"), false),
                    new WireGuardChange.Remove(PEER))));
    assertThat(HexFormat.of().formatHex(written)).isEqualTo(hex(golden));
  }

  private static String hex(String golden) {
    StringBuilder text = new StringBuilder();
    golden.lines().forEach(line -> text.append(line.replaceAll("#.*|\\s", "")));
    return text.toString();
  }

  /// As the kernel answers, what was asked for is read back, however many messages it takes.
  @Test
  void manyPeersWithManyRangesComeBackWhole() {
    Random random = new Random(1);
    List<WireGuardPeer> peers = new ArrayList<>();
    for (int number = 0; number < 300; number++) {
      byte[] key = new byte[32];
      random.nextBytes(key);
      List<Prefix> ranges = new ArrayList<>();
      int most = number == 7 ? 3000 : 3;
      for (int range = 0; range < most; range++) {
        ranges.add(Prefix.parse("10." + range % 250 + "." + range / 250 + ".0/24"));
        ranges.add(Prefix.parse("fd00:" + Integer.toHexString(range) + "::/64"));
      }
      peers.add(
          WireGuardPeer.of(
              WireGuardKey.of(key),
              new TransportAddress(IpAddress.parse("fd00::" + (number + 1)), 51820),
              ranges,
              number));
    }
    List<WireGuardChange.Put> puts =
        peers.stream().map(peer -> new WireGuardChange.Put(peer, true)).toList();
    NetlinkWriter out = new NetlinkWriter(1);
    WireGuardWire.set(out, FAMILY, "wg0", WireGuardChange.ofPeers(puts));
    assertThat(out.messages()).isGreaterThan(5);
    WireGuardWire.Reading reading = new WireGuardWire.Reading();
    byte[] all = out.toBytes();
    for (int at = 0; at < all.length; ) {
      NetlinkReader message = new NetlinkReader(all, at, all.length);
      int length = message.u32(0);
      assertThat(length).isLessThan(65536);
      reading.message(new NetlinkReader(all, at + 16, at + length));
      at += length;
    }
    assertThat(reading.device().peers()).isEqualTo(peers);
  }

  @Test
  void anyBytesAreReadOrPassedOver() {
    Random random = new Random(2);
    byte[] good =
        written(
            new WireGuardChange(
                Optional.of(SECRET),
                OptionalInt.of(1),
                List.of(
                    new WireGuardChange.Put(
                        peer("fd00::9", 1, "10.200.1.0/24", "fd00::/64"), true))));
    for (int round = 0; round < 20_000; round++) {
      byte[] bytes = good.clone();
      for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
        bytes[HEADERS + random.nextInt(bytes.length - HEADERS)] = (byte) random.nextInt(256);
      }
      WireGuardWire.Reading reading = new WireGuardWire.Reading();
      reading.message(new NetlinkReader(bytes, 16, 16 + random.nextInt(bytes.length)));
      assertThat(reading.device().peers()).hasSizeLessThan(20);
    }
  }

  @Test
  void familiesAreFoundByName() {
    try (NetlinkSocket socket = NetlinkSocket.open(NetlinkSocket.GENERIC)) {
      assertThat(GenericNetlink.family(socket, "nlctrl")).contains(16);
      assertThat(GenericNetlink.family(socket, "nobody")).isEmpty();
    }
  }

  @Test
  void theKernelDoesItOrSaysThatItCannot() throws Exception {
    try (NetworkNamespace machine = NetworkNamespace.createAnonymous();
        KernelWireGuard kernel = new KernelWireGuard(machine, "wg0")) {
      assertThat(kernel.read()).isEmpty();
      try {
        kernel.create(1420);
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("this kernel has no WireGuard (Linux 5.6");
        assertThat(e.getCause())
            .isInstanceOfSatisfying(
                KernelException.class, k -> assertThat(k.errno()).isEqualTo(Errno.EOPNOTSUPP));
        return;
      }
      WireGuardPeer peer = peer("10.240.0.21", 51820, "10.200.1.0/24", "fd00::/64");
      kernel.change(
          new WireGuardChange(
              Optional.of(SECRET),
              OptionalInt.of(51820),
              List.of(new WireGuardChange.Put(peer, true))));
      WireGuardDevice device = kernel.read().orElseThrow();
      assertThat(device.key()).contains(SECRET.publicKey());
      assertThat(device.port()).isEqualTo(51820);
      assertThat(device.peers()).singleElement().isEqualTo(peer);
      kernel.remove();
      assertThat(kernel.read()).isEmpty();
    }
  }
}
