// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.nft.NftExpression;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.CountBy;
import dev.fairway.linux.nft.NftExpression.Decide;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftExpression.InRange;
import dev.fairway.linux.nft.NftExpression.InSet;
import dev.fairway.linux.nft.NftExpression.MapToVerdict;
import dev.fairway.linux.nft.NftExpression.Meta;
import dev.fairway.linux.nft.NftExpression.MetaKey;
import dev.fairway.linux.nft.NftExpression.Payload;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftSet;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.linux.nft.NftVerdict;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Renders chains of one IP family for nf_tables. Pure.
final class ChainNft {
  private static final int FIN_SYN_RST_ACK = 0x17;
  private static final int SYN = 0x02;
  private static final NftVerdict RETURN = new NftVerdict(NftVerdict.Kind.RETURN, "");

  private final IpFamily family;
  private final NftTable table;
  private final int words;

  /// By direction: where the drop chains of isolated addresses are found.
  private final Map<Direction, NftSet> drops;

  ChainNft(IpFamily family, NftTable table, Map<Direction, NftSet> drops) {
    this.family = family;
    this.table = table;
    this.words = family.addressBytes() / 4;
    this.drops = drops;
  }

  /// The address of the pod that a direction is about.
  Payload address(Direction direction, int register) {
    int source = family == IpFamily.IPV4 ? 12 : 8; // RFC 791, RFC 8200
    int offset = direction == Direction.EGRESS ? source : source + family.addressBytes();
    return new Payload(Header.NETWORK, offset, family.addressBytes(), register);
  }

  private Payload peer(Direction direction, int register) {
    return address(direction == Direction.EGRESS ? Direction.INGRESS : Direction.EGRESS, register);
  }

  /// Connection tracking takes up any TCP packet as a new connection, in the direction it happens
  /// to go. What begins none must not pass so.
  NftRequest middleOfConnection(String chain, Direction direction) {
    return new AddRule(
        table,
        chain,
        List.of(
            new Meta(MetaKey.PROTOCOL, 0),
            new Compare(0, true, NftValue.octets((byte) Protocol.TCP.number())),
            new Payload(Header.TRANSPORT, 13, 1, 0),
            new Bitwise(0, NftValue.octets((byte) FIN_SYN_RST_ACK), NftValue.octets((byte) 0)),
            new Compare(0, false, NftValue.octets((byte) SYN)),
            address(direction, 0),
            new MapToVerdict(drops.get(direction).name(), 0)));
  }

  /// What makes a chain that is there do what it is for; what it leads to is there, too.
  void fill(List<NftRequest> requests, String name, Chain chain, PolicyRules rules) {
    Direction direction =
        name.startsWith(Direction.EGRESS.word()) ? Direction.EGRESS : Direction.INGRESS;
    requests.add(middleOfConnection(name, direction));
    NftVerdict rest =
        switch (chain.rest()) {
          case Chain.Rest.Allowed() -> RETURN;
          case Chain.Rest.Dropped() -> NftVerdict.drop();
          case Chain.Rest.Next(String next) -> NftVerdict.goTo(next);
        };
    for (Step step : chain.steps()) {
      if (step.peers().isEmpty() || SetNft.isHere(rules.sets().get(step.peers()), family)) {
        requests.add(new AddRule(table, name, step(direction, step, rest)));
      }
    }
    if (chain.rest() instanceof Chain.Rest.Dropped) {
      requests.add(
          new AddRule(
              table,
              name,
              List.of(address(direction, 0), new MapToVerdict(drops.get(direction).name(), 0))));
    }
    requests.add(new AddRule(table, name, List.of(new Decide(rest))));
  }

  private List<NftExpression> step(Direction direction, Step step, NftVerdict rest) {
    List<NftExpression> rule = new ArrayList<>();
    switch (step.ports()) {
      case Ports.All() -> {}
      case Ports.Range range -> {
        isOf(rule, range.protocol());
        if (!range.isEvery()) {
          rule.add(new Payload(Header.TRANSPORT, 2, 2, 0));
          rule.add(
              range.first() == range.last()
                  ? new Compare(0, true, port(range.first()))
                  : new InRange(0, port(range.first()), port(range.last())));
        }
      }
      case Ports.Named named -> {
        isOf(rule, named.protocol());
        rule.add(new Payload(Header.TRANSPORT, 2, 2, words));
      }
    }
    if (!step.peers().isEmpty()) {
      rule.add(peer(direction, 0));
      rule.add(new InSet(step.peers(), 0, false));
    }
    switch (step.action()) {
      case ACCEPT -> rule.add(new Decide(RETURN));
      case DENY -> {
        rule.add(new CountBy(counter(step.by())));
        rule.add(new Decide(NftVerdict.drop()));
      }
      case PASS -> rule.add(new Decide(rest));
    }
    return rule;
  }

  /// The name of the counter of what a ClusterNetworkPolicy drops: `by/name`.
  static String counter(String policy) {
    return PolicyNft.name("by/" + policy);
  }

  private static void isOf(List<NftExpression> rule, Protocol protocol) {
    rule.add(new Meta(MetaKey.PROTOCOL, 0));
    rule.add(new Compare(0, true, NftValue.octets((byte) protocol.number())));
  }

  private static NftValue port(int port) {
    return NftValue.octets((byte) (port >>> 8), (byte) port);
  }
}
