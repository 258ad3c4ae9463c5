// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import dev.fairway.net.IpFamily;

/// Where things are in a packet of one family (RFC 791, RFC 8200), counted from its first byte.
record PacketLayout(IpFamily family, int ports, int source, int addressBytes) {
  static final int ETHERNET = 14;

  static PacketLayout of(IpFamily family) {
    return switch (family) {
      case IPV4 -> new PacketLayout(family, ETHERNET + 20, ETHERNET + 12, 4);
      case IPV6 -> new PacketLayout(family, ETHERNET + 40, ETHERNET + 8, 16);
    };
  }

  int destination() {
    return source + addressBytes;
  }

  int number() {
    return family == IpFamily.IPV4 ? 2 : 10; // AF_INET, AF_INET6
  }

  int headerBytes() {
    return ports - ETHERNET;
  }

  int tupleBytes() {
    return 2 * addressBytes + 4;
  }

  int protocol() {
    return family == IpFamily.IPV4 ? ETHERNET + 9 : ETHERNET + 6;
  }

  int hops() {
    return family == IpFamily.IPV4 ? ETHERNET + 8 : ETHERNET + 7;
  }

  /// As two bytes of the packet read on a machine with the low byte first: port 67 or 547.
  int dhcpServer() {
    return Short.reverseBytes((short) (family == IpFamily.IPV4 ? 67 : 547)) & 0xffff;
  }

  int tcpFlags() {
    return ports + 13;
  }

  String label(String place) {
    return place + (family == IpFamily.IPV4 ? "_v4" : "_v6");
  }
}
