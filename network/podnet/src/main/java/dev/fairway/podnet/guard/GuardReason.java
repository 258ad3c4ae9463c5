// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import dev.fairway.linux.nft.NftTable;

/// Why a packet of a pod was dropped.
public enum GuardReason {
  /// Not by the pod's MAC and IPv4 address.
  SOURCE_IPV4("source-ipv4", NftTable.Family.IP),
  /// Not by the pod's MAC and IPv6 address.
  SOURCE_IPV6("source-ipv6", NftTable.Family.IP6),
  /// The same, of ICMPv6.
  SOURCE_ICMPV6("source-icmpv6", NftTable.Family.IP6),
  /// An ARP packet that speaks for another MAC or address.
  ARP("arp", NftTable.Family.ARP),
  /// A neighbour advertisement that speaks for another.
  NEIGHBOUR("neighbour", NftTable.Family.IP6),
  /// A router advertisement.
  ROUTER("router", NftTable.Family.IP6),
  /// A redirect of ICMPv6.
  REDIRECT("redirect", NftTable.Family.IP6),
  /// A DHCP server's answer.
  DHCP_IPV4("dhcp-ipv4", NftTable.Family.IP),
  /// A DHCPv6 server's answer.
  DHCP_IPV6("dhcp-ipv6", NftTable.Family.IP6);

  private final String counter;
  private final NftTable.Family family;

  GuardReason(String counter, NftTable.Family family) {
    this.counter = counter;
    this.family = family;
  }

  /// Whether it is counted in the table of that family.
  boolean in(NftTable.Family table) {
    return family == table;
  }

  /// The counter's name in the kernel.
  String counter() {
    return counter;
  }

  @Override
  public String toString() {
    return counter;
  }
}
