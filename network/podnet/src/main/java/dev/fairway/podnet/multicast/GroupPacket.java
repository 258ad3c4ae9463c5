// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.linux.InternetChecksum;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import java.util.Arrays;
import java.util.Optional;

/// An IP packet to a group, whole.
///
/// @param protocol what the headers that are known here lead to
/// @param payload where that begins
/// @param bytes from the IP header on
record GroupPacket(
    IpFamily family, IpAddress source, IpAddress group, int protocol, int payload, byte[] bytes) {
  static final int HOP_BY_HOP = 0;
  static final int IGMP = 2;
  static final int ICMPV6 = 58;
  private static final int IPV4_BYTES = 20;
  private static final int IPV6_BYTES = 40;
  private static final int ETHERNET_BYTES = 14;

  /// Reads a packet and cuts what follows it; empty if it is none, or not to a group.
  ///
  /// @param from where the IP header begins
  static Optional<GroupPacket> read(byte[] bytes, int from) {
    int size = bytes.length - from;
    if (size < IPV4_BYTES) {
      return Optional.empty();
    }
    int version = (bytes[from] & 255) >>> 4;
    GroupPacket packet;
    if (version == 4) {
      int header = (bytes[from] & 15) * 4;
      int length = number(bytes, from + 2);
      if (header < IPV4_BYTES || length < header || length > size) {
        return Optional.empty();
      }
      packet =
          new GroupPacket(
              IpFamily.IPV4,
              address(bytes, from + 12, 4),
              address(bytes, from + 16, 4),
              bytes[from + 9] & 255,
              header,
              Arrays.copyOfRange(bytes, from, from + length));
    } else if (version == 6 && size >= IPV6_BYTES) {
      int length = IPV6_BYTES + number(bytes, from + 4);
      if (length > size) {
        return Optional.empty();
      }
      int protocol = bytes[from + 6] & 255;
      int payload = IPV6_BYTES;
      if (protocol == HOP_BY_HOP && length >= payload + 8) {
        protocol = bytes[from + payload] & 255;
        payload = Math.min(length, payload + 8 + 8 * (bytes[from + payload + 1] & 255));
      }
      packet =
          new GroupPacket(
              IpFamily.IPV6,
              address(bytes, from + 8, 16),
              address(bytes, from + 24, 16),
              protocol,
              payload,
              Arrays.copyOfRange(bytes, from, from + length));
    } else {
      return Optional.empty();
    }
    return packet.group.isMulticast() ? Optional.of(packet) : Optional.empty();
  }

  private static int number(byte[] bytes, int at) {
    return (bytes[at] & 255) << 8 | (bytes[at + 1] & 255);
  }

  private static IpAddress address(byte[] bytes, int from, int length) {
    return IpAddress.ofBytes(Arrays.copyOfRange(bytes, from, from + length));
  }

  /// Whether a group reaches past one link: not `224.0.0.0/24` (RFC 5771 4), nor scope 0, 1 or 2
  /// (RFC 4291 2.7).
  static boolean isWide(IpAddress group) {
    return group.isMulticast()
        && switch (group.family()) {
          case IPV4 -> group.ipv4Bits() >>> 8 != 0xe00000;
          case IPV6 -> (group.high() >>> 48 & 15) > 2;
        };
  }

  /// The frame that carries it (RFC 1112 6.4, RFC 2464 7).
  byte[] frame(MacAddress from) {
    byte[] octets = group.bytes();
    int last = octets.length;
    byte[] to =
        switch (family) {
          case IPV4 ->
              new byte[] {
                1, 0, 0x5e, (byte) (octets[last - 3] & 0x7f), octets[last - 2], octets[last - 1]
              };
          case IPV6 ->
              new byte[] {
                0x33, 0x33, octets[last - 4], octets[last - 3], octets[last - 2], octets[last - 1]
              };
        };
    byte[] frame = new byte[ETHERNET_BYTES + bytes.length];
    System.arraycopy(to, 0, frame, 0, MacAddress.BYTES);
    System.arraycopy(from.bytes(), 0, frame, MacAddress.BYTES, MacAddress.BYTES);
    int type = family == IpFamily.IPV4 ? 0x0800 : 0x86dd;
    frame[12] = (byte) (type >>> 8);
    frame[13] = (byte) type;
    System.arraycopy(bytes, 0, frame, ETHERNET_BYTES, bytes.length);
    return frame;
  }

  /// Asks all on a link which groups they are in: IGMPv3 (RFC 3376 4.1), MLDv2 (RFC 3810 5.1). They
  /// answer within a second.
  ///
  /// @param asker the other end of their link
  static GroupPacket query(IpFamily family, IpAddress asker) {
    byte[] all = new byte[family == IpFamily.IPV4 ? 36 : 76];
    IpAddress to = IpAddress.parse(family == IpFamily.IPV4 ? "224.0.0.1" : "ff02::1");
    int payload = all.length - (family == IpFamily.IPV4 ? 12 : 28);
    switch (family) {
      case IPV4 -> {
        put(all, 0, 0x46, 0xc0, 0, all.length, 0, 0, 0, 0, 1, IGMP);
        System.arraycopy(asker.bytes(), 0, all, 12, 4);
        System.arraycopy(to.bytes(), 0, all, 16, 4);
        put(all, 20, 0x94, 4); // the option Router Alert (RFC 2113)
        sum(all, 0, payload, 10);
        put(all, payload, 0x11, 10); // in tenths of a second
        put(all, payload + 8, 2, 60); // the robustness, the seconds until the next
        sum(all, payload, 12, payload + 2);
      }
      case IPV6 -> {
        put(all, 0, 0x60, 0, 0, 0, 0, all.length - IPV6_BYTES, HOP_BY_HOP, 1);
        System.arraycopy(asker.bytes(), 0, all, 8, 16);
        System.arraycopy(to.bytes(), 0, all, 24, 16);
        put(all, IPV6_BYTES, ICMPV6, 0, 5, 2, 0, 0, 1, 0); // Router Alert (RFC 2711)
        put(all, payload, 130, 0, 0, 0, 1000 >>> 8, 1000 & 255);
        put(all, payload + 24, 2, 60);
        byte[] summed = new byte[40 + 28]; // the pseudo-header of RFC 8200 8.1 first
        System.arraycopy(all, 8, summed, 0, 32);
        put(summed, 32, 0, 0, 0, 28, 0, 0, 0, ICMPV6);
        System.arraycopy(all, payload, summed, 40, 28);
        int checksum = InternetChecksum.of(summed, 0, summed.length);
        put(all, payload + 2, checksum >>> 8, checksum);
      }
    }
    return new GroupPacket(
        family, asker, to, family == IpFamily.IPV4 ? IGMP : ICMPV6, payload, all);
  }

  private static void put(byte[] bytes, int at, int... octets) {
    for (int i = 0; i < octets.length; i++) {
      bytes[at + i] = (byte) octets[i];
    }
  }

  private static void sum(byte[] bytes, int from, int length, int at) {
    int checksum = InternetChecksum.of(bytes, from, length);
    put(bytes, at, checksum >>> 8, checksum);
  }
}
