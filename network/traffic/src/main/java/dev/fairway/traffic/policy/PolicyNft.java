// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftChain.Hook;
import dev.fairway.linux.nft.NftExpression;
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
import dev.fairway.linux.nft.NftRequest.AddElements;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddSet;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftRequest.DeleteChain;
import dev.fairway.linux.nft.NftRequest.DeleteCounter;
import dev.fairway.linux.nft.NftRequest.DeleteElements;
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
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.policy.PolicyRules.Isolated;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// Renders rules of one IP family for nf_tables. Pure.
final class PolicyNft {
  static final String TABLE = "fairway-policy";

  /// What chains lead to that do not restrict; only what is in no connection's middle passes.
  private static final String ANY = "any";

  private static final int ICMPV6 = 58;
  private static final int MLD_V2_REPORT = 143;
  private static final int FIN_SYN_RST_ACK = 0x17;
  private static final int SYN = 0x02;
  private static final int LONGEST_NAME = 200;

  private static final NftVerdict RETURN = new NftVerdict(NftVerdict.Kind.RETURN, "");

  private final IpFamily family;
  private final String podLinks;
  private final int words;
  private final NftTable table;
  private final NftSet selves;
  private final Map<Direction, NftSet> isolated = new HashMap<>();
  private final Map<Direction, NftSet> drops = new HashMap<>();

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
            address(Direction.EGRESS, 0),
            address(Direction.INGRESS, words),
            new InSet(selves.name(), 0, false),
            new Decide(NftVerdict.accept())));
    for (NftChain chain : List.of(forward, input)) {
      requests.add(lookUp(chain, isolated, Direction.EGRESS));
    }
    requests.add(lookUp(forward, isolated, Direction.INGRESS));
    for (Direction direction : Direction.values()) {
      NftChain any = NftChain.regular(table, direction.word() + "-" + ANY);
      requests.add(new AddChain(any));
      requests.add(middleOfConnection(any.name(), direction));
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

  /// The address of the pod that a direction is about.
  private Payload address(Direction direction, int register) {
    int source = family == IpFamily.IPV4 ? 12 : 8; // RFC 791, RFC 8200
    int offset = direction == Direction.EGRESS ? source : source + family.addressBytes();
    return new Payload(Header.NETWORK, offset, family.addressBytes(), register);
  }

  private Payload peer(Direction direction, int register) {
    return address(direction == Direction.EGRESS ? Direction.INGRESS : Direction.EGRESS, register);
  }

  private NftRequest lookUp(NftChain chain, Map<Direction, NftSet> maps, Direction direction) {
    return AddRule.of(
        chain, address(direction, 0), new MapToVerdict(maps.get(direction).name(), 0));
  }

  /// Connection tracking takes up any TCP packet as a new connection, in the direction it happens
  /// to go. What begins none must not pass so.
  private NftRequest middleOfConnection(String chain, Direction direction) {
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

  /// A plan as changes of the table.
  ///
  /// @param before the rules that the plan leads from, for the names of what goes
  List<NftRequest> render(PolicyPlan plan, PolicyRules before, PolicyRules after) {
    List<NftRequest> requests = new ArrayList<>();
    plan.newSets().forEach((name, set) -> addSet(requests, name, set));
    plan.newChains().forEach((name, allows) -> addChain(requests, name, allows, after));
    // A pod may have more addresses, which stay.
    Set<String> newPods = names(plan.newPods().values());
    newPods.removeAll(pods(before));
    newPods.forEach(pod -> addDrops(requests, pod));
    for (Direction direction : Direction.values()) {
      delete(requests, isolated.get(direction), keys(plan.deletedPods().keySet()));
      delete(requests, drops.get(direction), keys(plan.deletedPods().keySet()));
    }
    delete(
        requests, selves, plan.deletedPods().keySet().stream().map(PolicyNft::toItself).toList());
    addPods(requests, plan.newPods());
    for (PolicyPlan.Elements elements : plan.changedSets()) {
      change(requests, elements);
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
    for (String name : plan.deletedSets()) {
      if (isHere(before.sets().get(name))) {
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

  private static List<NftValue> keys(Collection<IpAddress> addresses) {
    return addresses.stream().map(NftValue::of).toList();
  }

  private static NftValue toItself(IpAddress address) {
    return NftValue.builder().address(address).address(address).build();
  }

  private static void delete(List<NftRequest> requests, NftSet set, List<NftValue> keys) {
    if (!keys.isEmpty()) {
      requests.add(new DeleteElements(set, keys.stream().map(Element::of).toList()));
    }
  }

  private static void add(List<NftRequest> requests, NftSet set, List<Element> elements) {
    if (!elements.isEmpty()) {
      requests.add(new AddElements(set, elements));
    }
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
      add(requests, isolated.get(direction), chains);
      add(requests, drops.get(direction), ends);
    }
    add(
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
    String name = direction.word() + "/" + pod;
    return name.length() <= LONGEST_NAME
        ? name
        : name.substring(0, LONGEST_NAME) + "-" + Integer.toHexString(pod.hashCode());
  }

  /// A block of the other family has no set in this table.
  private boolean isHere(PeerSet set) {
    return !(set instanceof PeerSet.Block(Peer.Block block)) || block.range().family() == family;
  }

  private NftSet nftSet(String name, PeerSet set) {
    NftType address = NftType.address(family);
    return switch (set) {
      case PeerSet.Addresses _ -> NftSet.set(table, name, address);
      case PeerSet.Endpoints _ -> NftSet.set(table, name, address, NftType.PORT);
      case PeerSet.Block _ -> NftSet.ranges(table, name, address);
    };
  }

  private void addSet(List<NftRequest> requests, String name, PeerSet set) {
    if (!isHere(set)) {
      return;
    }
    NftSet nft = nftSet(name, set);
    requests.add(new AddSet(nft));
    switch (set) {
      case PeerSet.Addresses(Set<IpAddress> addresses) ->
          add(
              requests,
              nft,
              addresses.stream()
                  .filter(address -> address.family() == family)
                  .map(address -> Element.of(NftValue.of(address)))
                  .toList());
      case PeerSet.Endpoints(Set<TransportAddress> endpoints) ->
          add(
              requests,
              nft,
              endpoints.stream()
                  .filter(endpoint -> endpoint.address().family() == family)
                  .map(endpoint -> Element.of(key(endpoint)))
                  .toList());
      case PeerSet.Block(Peer.Block block) -> add(requests, nft, ranges(block));
    }
  }

  private static NftValue key(TransportAddress endpoint) {
    return NftValue.builder().address(endpoint.address()).port(endpoint.port()).build();
  }

  private void change(List<NftRequest> requests, PolicyPlan.Elements elements) {
    NftType address = NftType.address(family);
    NftSet addresses = NftSet.set(table, elements.set(), address);
    delete(requests, addresses, keys(elements.deleted()));
    add(requests, addresses, keys(elements.added()).stream().map(Element::of).toList());
    NftSet endpoints = NftSet.set(table, elements.set(), address, NftType.PORT);
    delete(requests, endpoints, elements.deletedEndpoints().stream().map(PolicyNft::key).toList());
    add(
        requests,
        endpoints,
        elements.addedEndpoints().stream().map(one -> Element.of(key(one))).toList());
  }

  /// What a block holds, as ranges that do not touch: each begins with an element and ends with
  /// another.
  static List<Element> ranges(Peer.Block block) {
    // Exceptions that lie in one another or side by side are one.
    TreeMap<IpAddress, IpAddress> holes = new TreeMap<>();
    for (Prefix one : block.except()) {
      if (one.contains(block.range())) {
        return List.of();
      }
      if (block.range().contains(one)) {
        Map.Entry<IpAddress, IpAddress> before = holes.lastEntry();
        if (before == null || before.getValue().compareTo(one.address()) < 0) {
          if (before != null && before.getValue().plus(1).equals(one.address())) {
            holes.put(before.getKey(), one.last());
          } else {
            holes.put(one.address(), one.last());
          }
        }
      }
    }
    List<Element> elements = new ArrayList<>();
    IpAddress from = block.range().address();
    boolean open = true;
    for (Map.Entry<IpAddress, IpAddress> hole : holes.entrySet()) {
      if (hole.getKey().compareTo(from) > 0) {
        elements.add(Element.of(NftValue.of(from)));
        elements.add(Element.end(NftValue.of(hole.getKey())));
      }
      open = hole.getValue().compareTo(block.range().last()) < 0;
      if (open) {
        from = hole.getValue().plus(1);
      }
    }
    if (open) {
      elements.add(Element.of(NftValue.of(from)));
      after(block.range().last()).ifPresent(end -> elements.add(Element.end(NftValue.of(end))));
    }
    return elements;
  }

  private static Optional<IpAddress> after(IpAddress last) {
    Prefix all = new Prefix(new IpAddress(last.family(), 0, 0), 0);
    return last.equals(all.last()) ? Optional.empty() : Optional.of(last.plus(1));
  }

  private void addChain(
      List<NftRequest> requests, String name, List<Allow> allows, PolicyRules rules) {
    Direction direction =
        name.startsWith(Direction.EGRESS.word()) ? Direction.EGRESS : Direction.INGRESS;
    requests.add(new AddChain(NftChain.regular(table, name)));
    requests.add(middleOfConnection(name, direction));
    for (Allow allow : allows) {
      if (allow.peers().isEmpty() || isHere(rules.sets().get(allow.peers()))) {
        requests.add(new AddRule(table, name, allow(direction, allow)));
      }
    }
    requests.add(
        new AddRule(
            table,
            name,
            List.of(address(direction, 0), new MapToVerdict(drops.get(direction).name(), 0))));
    requests.add(new AddRule(table, name, List.of(new Decide(NftVerdict.drop()))));
  }

  private List<NftExpression> allow(Direction direction, Allow allow) {
    List<NftExpression> rule = new ArrayList<>();
    switch (allow.ports()) {
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
    if (!allow.peers().isEmpty()) {
      rule.add(peer(direction, 0));
      rule.add(new InSet(allow.peers(), 0, false));
    }
    rule.add(new Decide(RETURN));
    return rule;
  }

  private static void isOf(List<NftExpression> rule, Protocol protocol) {
    rule.add(new Meta(MetaKey.PROTOCOL, 0));
    rule.add(new Compare(0, true, NftValue.octets((byte) protocol.number())));
  }

  private static NftValue port(int port) {
    return NftValue.octets((byte) (port >>> 8), (byte) port);
  }
}
