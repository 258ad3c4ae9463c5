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
import dev.fairway.linux.nft.NftVerdict;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.multicast.Multicast;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Which packets get the node's address: from our own pods, to nowhere that is spared, to none of
/// the nodes, and not multicast.
///
/// What is spared has a rule each, as the kernel takes 128 expressions a rule at most. Only the
/// first packet of a connection comes by them.
///
/// @param own the ranges of this node's pods
/// @param spared destinations that see a pod's own address: the ranges of all pods, and others
/// @param nodes the addresses of all nodes
public record MasqueradeRules(List<Prefix> own, List<Prefix> spared, List<IpAddress> nodes) {
  private static final String TABLE = "fairway-podnet";

  /// The tables that the rules of any node are in.
  static final Set<NftTable> OURS = Set.of(table(IpFamily.IPV4), table(IpFamily.IPV6));

  private static final String FROM_PODS = "from-pods";
  private static final String NODES = "nodes";
  private static final int UDP = 17;

  /// `NF_IP_PRI_NAT_SRC` of `linux/netfilter_ipv4.h`
  private static final int SOURCE_NAT_PRIORITY = 100;

  private static final Prefix MULTICAST_V4 = Prefix.parse("224.0.0.0/4");
  private static final Prefix MULTICAST_V6 = Prefix.parse("ff00::/8");

  public MasqueradeRules {
    own = List.copyOf(own);
    spared = List.copyOf(spared);
    nodes = List.copyOf(nodes);
  }

  /// The transaction that puts these rules in place of whatever was in the tables.
  List<NftRequest> render() {
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      NftTable table = table(family);
      requests.add(new NftRequest.AddTable(table));
      requests.add(new NftRequest.DeleteTable(table));
      if (has(family)) {
        fill(table, family, requests);
      }
    }
    return requests;
  }

  /// The tables that are there when the rules are in place.
  Set<NftTable> tables() {
    Set<NftTable> tables = new HashSet<>();
    for (IpFamily family : IpFamily.values()) {
      if (has(family)) {
        tables.add(table(family));
      }
    }
    return tables;
  }

  private static NftTable table(IpFamily family) {
    return new NftTable(NftTable.Family.of(family), TABLE);
  }

  private boolean has(IpFamily family) {
    return own.stream().anyMatch(range -> range.family() == family);
  }

  private void fill(NftTable table, IpFamily family, List<NftRequest> requests) {
    NftChain chain =
        NftChain.base(
            table, "leaving", NftChain.Type.NAT, NftChain.Hook.POSTROUTING, SOURCE_NAT_PRIORITY);
    NftChain fromPods = NftChain.regular(table, FROM_PODS);
    NftSet nodeSet = NftSet.set(table, NODES, NftType.address(family));
    requests.add(new NftRequest.AddTable(table));
    requests.add(new NftRequest.AddChain(fromPods));
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
        NftVerdict jump = NftVerdict.jump(FROM_PODS);
        requests.add(rule(chain, range, sourceOffset(family), jump));
      }
    }
    int destination = destinationOffset(family);
    NftVerdict back = new NftVerdict(NftVerdict.Kind.RETURN, "");
    for (Prefix range : spared) {
      if (range.family() == family) {
        requests.add(rule(fromPods, range, destination, back));
      }
    }
    Prefix multicast = family == IpFamily.IPV4 ? MULTICAST_V4 : MULTICAST_V6;
    requests.add(rule(fromPods, multicast, destination, back));
    // Nodes believe what comes to this port from a node's address.
    requests.add(
        NftRequest.AddRule.of(
            fromPods,
            new NftExpression.Meta(NftExpression.MetaKey.PROTOCOL, 0),
            new NftExpression.Compare(0, true, NftValue.octets((byte) UDP)),
            new NftExpression.Payload(Header.TRANSPORT, 2, 2, 0),
            new NftExpression.Compare(
                0, true, NftValue.octets((byte) (Multicast.PORT >>> 8), (byte) Multicast.PORT)),
            new NftExpression.Decide(back)));
    requests.add(
        NftRequest.AddRule.of(
            fromPods,
            load(destination, family),
            new NftExpression.InSet(NODES, 0, true),
            new NftExpression.Masquerade()));
  }

  /// What to do with packets that have an address of a range.
  private static NftRequest rule(NftChain chain, Prefix range, int offset, NftVerdict verdict) {
    byte[] mask = new byte[range.family().addressBytes()];
    for (int bit = 0; bit < range.length(); bit++) {
      mask[bit / 8] |= (byte) (0x80 >>> (bit % 8));
    }
    return NftRequest.AddRule.of(
        chain,
        load(offset, range.family()),
        new NftExpression.Bitwise(0, NftValue.octets(mask), NftValue.octets(new byte[mask.length])),
        new NftExpression.Compare(0, true, NftValue.of(range.address())),
        new NftExpression.Decide(verdict));
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
