// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftChain.Hook;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.Connection;
import dev.fairway.linux.nft.NftExpression.ConnectionKey;
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
import dev.fairway.linux.nft.NftRequest.AddChain;
import dev.fairway.linux.nft.NftRequest.AddCounter;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddSet;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftRequest.DeleteChain;
import dev.fairway.linux.nft.NftRequest.DeleteCounter;
import dev.fairway.linux.nft.NftRequest.DeleteSet;
import dev.fairway.linux.nft.NftRequest.DeleteTable;
import dev.fairway.linux.nft.NftSet;
import dev.fairway.linux.nft.NftSet.Element;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftType;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.linux.nft.NftVerdict;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.traffic.policy.PolicyRules.Isolated;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Renders rules of one IP family for nf_tables. Pure.
final class PolicyNft {
  static final String TABLE = "fairway-policy";

  /// What chains lead to that do not restrict; only what is in no connection's middle passes.
  private static final String ANY = "any";

  private static final int ICMPV6 = 58;
  private static final int MLD_V2_REPORT = 143;
  private static final int LONGEST_NAME = 200;

  private final IpFamily family;
  private final String podLinks;
  private final int words;
  private final NftTable table;
  private final NftSet selves;
  private final Map<Direction, NftSet> isolated = new HashMap<>();
  private final Map<Direction, NftSet> drops = new HashMap<>();
  private final ChainNft chains;
  private final SetNft sets;

  /// @param podLinks as in [PolicyConfig]
  PolicyNft(IpFamily family, String podLinks) {
    this.family = family;
    this.podLinks = podLinks;
    this.words = family.addressBytes() / 4;
    this.table = table(family);
    NftType address = NftType.address(family);
    this.selves = NftSet.set(table, "selves", address, address);
    for (Direction direction : Direction.values()) {
      isolated.put(direction, NftSet.verdicts(table, direction.word(), address));
      drops.put(direction, NftSet.verdicts(table, "drop-" + direction.word(), address));
    }
    this.chains = new ChainNft(family, table, drops);
    this.sets = new SetNft(family, table);
  }

  static NftTable table(IpFamily family) {
    return new NftTable(NftTable.Family.of(family), TABLE);
  }

  /// The table without any pod, whatever was there before.
  List<NftRequest> skeleton() {
    List<NftRequest> requests = new ArrayList<>();
    // Adding first makes the deletion succeed where there was none.
    requests.add(new AddTable(table));
    requests.add(new DeleteTable(table));
    requests.add(new AddTable(table));
    requests.add(new AddSet(selves));
    for (Direction direction : Direction.values()) {
      requests.add(new AddSet(isolated.get(direction)));
      requests.add(new AddSet(drops.get(direction)));
    }
    NftChain forward = NftChain.base(table, "forward", NftChain.Type.FILTER, Hook.FORWARD, 0);
    NftChain input = NftChain.base(table, "input", NftChain.Type.FILTER, Hook.INPUT, 0);
    for (NftChain chain : List.of(forward, input)) {
      requests.add(new AddChain(chain));
      int known = Connection.STATE_ESTABLISHED | Connection.STATE_RELATED;
      requests.add(
          AddRule.of(
              chain,
              new Connection(ConnectionKey.STATE, 0),
              new Bitwise(0, NftValue.number(known), NftValue.number(0)),
              new Compare(0, false, NftValue.number(0)),
              new Decide(NftVerdict.accept())));
    }
    if (family == IpFamily.IPV6) {
      addLinkRules(requests, input);
    }
    requests.add(
        AddRule.of(
            forward,
            chains.address(Direction.EGRESS, 0),
            chains.address(Direction.INGRESS, words),
            new InSet(selves.name(), 0, false),
            new Decide(NftVerdict.accept())));
    for (NftChain chain : List.of(forward, input)) {
      requests.add(lookUp(chain, isolated, Direction.EGRESS));
    }
    requests.add(lookUp(forward, isolated, Direction.INGRESS));
    for (Direction direction : Direction.values()) {
      NftChain any = NftChain.regular(table, direction.word() + "-" + ANY);
      requests.add(new AddChain(any));
      requests.add(chains.middleOfConnection(any.name(), direction));
    }
    return requests;
  }

  /// What is between a link's two ends only. Nobody knows a pod by such an address, so it sends the
  /// node nothing else from one.
  private void addLinkRules(List<NftRequest> requests, NftChain input) {
    // Neighbour discovery (RFC 4861) is no connection, and pods need it to have any.
    requests.add(
        AddRule.of(
            input,
            new Meta(MetaKey.PROTOCOL, 0),
            new Compare(0, true, NftValue.octets((byte) ICMPV6)),
            new Payload(Header.TRANSPORT, 0, 1, 0),
            new InRange(0, NftValue.octets((byte) 130), NftValue.octets((byte) 137)),
            new Decide(NftVerdict.accept())));
    if (podLinks.isEmpty()) {
      return;
    }
    // Reports of groups (RFC 3810) are of the kind, too.
    requests.add(
        AddRule.of(
            input,
            new Meta(MetaKey.PROTOCOL, 0),
            new Compare(0, true, NftValue.octets((byte) ICMPV6)),
            new Payload(Header.TRANSPORT, 0, 1, 0),
            new Compare(0, true, NftValue.octets((byte) MLD_V2_REPORT)),
            new Decide(NftVerdict.accept())));
    requests.add(
        AddRule.of(
            input,
            new Meta(MetaKey.INPUT_NAME, 0),
            new Compare(0, true, NftValue.octets(podLinks.getBytes(StandardCharsets.US_ASCII))),
            new Payload(Header.NETWORK, 8, 2, 0),
            new Bitwise(
                0, NftValue.octets((byte) 0xff, (byte) 0xc0), NftValue.octets((byte) 0, (byte) 0)),
            new Compare(0, true, NftValue.octets((byte) 0xfe, (byte) 0x80)),
            new Decide(NftVerdict.drop())));
  }

  private NftRequest lookUp(NftChain chain, Map<Direction, NftSet> maps, Direction direction) {
    return AddRule.of(
        chain, chains.address(direction, 0), new MapToVerdict(maps.get(direction).name(), 0));
  }

  /// A plan as changes of the table.
  ///
  /// @param before the rules that the plan leads from, for the names of what goes
  List<NftRequest> render(PolicyPlan plan, PolicyRules before, PolicyRules after) {
    List<NftRequest> requests = new ArrayList<>();
    plan.newSets().forEach((name, set) -> sets.addSet(requests, name, set));
    plan.newDenying().forEach(by -> requests.add(new AddCounter(table, ChainNft.counter(by))));
    // All are there before one leads to another.
    plan.newChains()
        .keySet()
        .forEach(name -> requests.add(new AddChain(NftChain.regular(table, name))));
    plan.newChains().forEach((name, chain) -> chains.fill(requests, name, chain, after));
    // A pod may have more addresses, which stay.
    Set<String> newPods = names(plan.newPods().values());
    newPods.removeAll(pods(before));
    newPods.forEach(pod -> addDrops(requests, pod));
    for (Direction direction : Direction.values()) {
      SetNft.delete(requests, isolated.get(direction), SetNft.keys(plan.deletedPods().keySet()));
      SetNft.delete(requests, drops.get(direction), SetNft.keys(plan.deletedPods().keySet()));
    }
    SetNft.delete(
        requests, selves, plan.deletedPods().keySet().stream().map(PolicyNft::toItself).toList());
    addPods(requests, plan.newPods());
    for (PolicyPlan.Elements elements : plan.changedSets()) {
      sets.change(requests, elements);
    }
    Set<String> oldPods = names(plan.deletedPods().values());
    oldPods.removeAll(pods(after));
    for (String pod : oldPods) {
      for (Direction direction : Direction.values()) {
        requests.add(new DeleteChain(table, dropChain(direction, pod)));
        requests.add(new DeleteCounter(table, dropChain(direction, pod)));
      }
    }
    plan.deletedChains().forEach(name -> requests.add(new DeleteChain(table, name)));
    plan.deletedDenying()
        .forEach(by -> requests.add(new DeleteCounter(table, ChainNft.counter(by))));
    for (String name : plan.deletedSets()) {
      if (SetNft.isHere(before.sets().get(name), family)) {
        requests.add(new DeleteSet(table, name));
      }
    }
    return requests;
  }

  private static Set<String> names(Collection<Isolated> pods) {
    Set<String> names = new LinkedHashSet<>();
    pods.forEach(isolated -> names.add(isolated.pod()));
    return names;
  }

  private Set<String> pods(PolicyRules rules) {
    Set<String> names = new HashSet<>();
    rules
        .pods()
        .forEach((address, how) -> {
          if (address.family() == family) {
            names.add(how.pod());
          }
        });
    return names;
  }

  private static NftValue toItself(IpAddress address) {
    return NftValue.builder().address(address).address(address).build();
  }

  private void addPods(List<NftRequest> requests, Map<IpAddress, Isolated> pods) {
    for (Direction direction : Direction.values()) {
      List<Element> chains = new ArrayList<>();
      List<Element> ends = new ArrayList<>();
      pods.forEach((address, how) -> {
        String chain = how.chain(direction).orElse(direction.word() + "-" + ANY);
        chains.add(Element.of(NftValue.of(address), NftVerdict.jump(chain)));
        ends.add(
            Element.of(NftValue.of(address), NftVerdict.goTo(dropChain(direction, how.pod()))));
      });
      SetNft.add(requests, isolated.get(direction), chains);
      SetNft.add(requests, drops.get(direction), ends);
    }
    SetNft.add(
        requests,
        selves,
        pods.keySet().stream().map(address -> Element.of(toItself(address))).toList());
  }

  private void addDrops(List<NftRequest> requests, String pod) {
    for (Direction direction : Direction.values()) {
      String name = dropChain(direction, pod);
      requests.add(new AddCounter(table, name));
      requests.add(new AddChain(NftChain.regular(table, name)));
      requests.add(
          new AddRule(table, name, List.of(new CountBy(name), new Decide(NftVerdict.drop()))));
    }
  }

  /// The name of the chain that drops, and of its counter: `from/namespace/pod`.
  static String dropChain(Direction direction, String pod) {
    return name(direction.word() + "/" + pod);
  }

  static String name(String wanted) {
    return wanted.length() <= LONGEST_NAME
        ? wanted
        : wanted.substring(0, LONGEST_NAME) + "-" + Integer.toHexString(wanted.hashCode());
  }
}
