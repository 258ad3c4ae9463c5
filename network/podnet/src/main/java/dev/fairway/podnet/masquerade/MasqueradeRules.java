// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.masquerade;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftExpression;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftSet;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftType;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;

/// Which packets get the node's address: from our own pods, to none of the cluster's pods, to none
/// of its nodes, and not multicast.
///
/// @param own the ranges of this node's pods
/// @param pods the ranges of all pods
/// @param nodes the addresses of all nodes
public record MasqueradeRules(List<Prefix> own, List<Prefix> pods, List<IpAddress> nodes) {
  static final String TABLE = "fairway-podnet";
  private static final String NODES = "nodes";

  /// `NF_IP_PRI_NAT_SRC` of `linux/netfilter_ipv4.h`
  private static final int SOURCE_NAT_PRIORITY = 100;

  private static final Prefix MULTICAST_V4 = Prefix.parse("224.0.0.0/4");
  private static final Prefix MULTICAST_V6 = Prefix.parse("ff00::/8");

  public MasqueradeRules {
    own = List.copyOf(own);
    pods = List.copyOf(pods);
    nodes = List.copyOf(nodes);
  }

  /// The transaction that puts these rules in place of whatever was in the tables.
  List<NftRequest> render() {
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      NftTable table = new NftTable(NftTable.Family.of(family), TABLE);
      requests.add(new NftRequest.AddTable(table));
      requests.add(new NftRequest.DeleteTable(table));
      if (own.stream().anyMatch(range -> range.family() == family)) {
        fill(table, family, requests);
      }
    }
    return requests;
  }

  private void fill(NftTable table, IpFamily family, List<NftRequest> requests) {
    NftChain chain =
        NftChain.base(
            table, "leaving", NftChain.Type.NAT, NftChain.Hook.POSTROUTING, SOURCE_NAT_PRIORITY);
    NftSet nodeSet = NftSet.set(table, NODES, NftType.address(family));
    requests.add(new NftRequest.AddTable(table));
    requests.add(new NftRequest.AddChain(chain));
    requests.add(new NftRequest.AddSet(nodeSet));
    List<NftSet.Element> elements = new ArrayList<>();
    for (IpAddress node : nodes) {
      if (node.family() == family) {
        elements.add(NftSet.Element.of(NftValue.of(node)));
      }
    }
    if (!elements.isEmpty()) {
      requests.add(new NftRequest.AddElements(nodeSet, elements));
    }
    for (Prefix range : own) {
      if (range.family() == family) {
        requests.add(new NftRequest.AddRule(table, chain.name(), rule(range, family)));
      }
    }
  }

  private List<NftExpression> rule(Prefix range, IpFamily family) {
    List<NftExpression> steps = new ArrayList<>();
    match(steps, sourceOffset(family), range, true);
    for (Prefix destination : pods) {
      if (destination.family() == family) {
        match(steps, destinationOffset(family), destination, false);
      }
    }
    match(
        steps,
        destinationOffset(family),
        family == IpFamily.IPV4 ? MULTICAST_V4 : MULTICAST_V6,
        false);
    steps.add(load(destinationOffset(family), family));
    steps.add(new NftExpression.InSet(NODES, 0, true));
    steps.add(new NftExpression.Masquerade());
    return steps;
  }

  private static void match(List<NftExpression> steps, int offset, Prefix range, boolean inside) {
    byte[] mask = new byte[range.family().addressBytes()];
    for (int bit = 0; bit < range.length(); bit++) {
      mask[bit / 8] |= (byte) (0x80 >>> (bit % 8));
    }
    steps.add(load(offset, range.family()));
    steps.add(
        new NftExpression.Bitwise(
            0, NftValue.octets(mask), NftValue.octets(new byte[mask.length])));
    steps.add(new NftExpression.Compare(0, inside, NftValue.of(range.address())));
  }

  private static NftExpression load(int offset, IpFamily family) {
    return new NftExpression.Payload(Header.NETWORK, offset, family.addressBytes(), 0);
  }

  /// Where RFC 791 and RFC 8200 have the source address.
  private static int sourceOffset(IpFamily family) {
    return switch (family) {
      case IPV4 -> 12;
      case IPV6 -> 8;
    };
  }

  private static int destinationOffset(IpFamily family) {
    return sourceOffset(family) + family.addressBytes();
  }
}
