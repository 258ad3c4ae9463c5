// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.nftables;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftChain.Hook;
import dev.fairway.linux.nft.NftExpression;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.Connection;
import dev.fairway.linux.nft.NftExpression.ConnectionKey;
import dev.fairway.linux.nft.NftExpression.Decide;
import dev.fairway.linux.nft.NftExpression.DestinationNat;
import dev.fairway.linux.nft.NftExpression.Forget;
import dev.fairway.linux.nft.NftExpression.Hash;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftExpression.InSet;
import dev.fairway.linux.nft.NftExpression.MapToValue;
import dev.fairway.linux.nft.NftExpression.MapToVerdict;
import dev.fairway.linux.nft.NftExpression.Masquerade;
import dev.fairway.linux.nft.NftExpression.Meta;
import dev.fairway.linux.nft.NftExpression.MetaKey;
import dev.fairway.linux.nft.NftExpression.Payload;
import dev.fairway.linux.nft.NftExpression.RandomNumber;
import dev.fairway.linux.nft.NftExpression.RejectByReset;
import dev.fairway.linux.nft.NftExpression.RejectPortUnreachable;
import dev.fairway.linux.nft.NftExpression.Remember;
import dev.fairway.linux.nft.NftExpression.SetMark;
import dev.fairway.linux.nft.NftExpression.SourceType;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftRequest.AddChain;
import dev.fairway.linux.nft.NftRequest.AddElements;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddSet;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftRequest.DeleteChain;
import dev.fairway.linux.nft.NftRequest.DeleteElements;
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
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.Plan;
import dev.fairway.traffic.rules.ServicesConfig;
import dev.fairway.traffic.rules.Target;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/// Renders rules of one IP family for nf_tables. Pure.
///
/// Registers: the client's address starts at 0, then come the front (address, protocol, port), an
/// index or an endpoint's number, and the endpoint found. So client and front are one key, and so
/// are front and index, and front and number.
final class NftRules {
  static final String TABLE = "fairway-services";

  /// The bit of a packet's mark that asks for masquerading, between prerouting and postrouting.
  static final int MASQUERADE_MARK = 0x0010_0000;

  /// How many clients of Services with affinity are remembered; more of them get an endpoint at
  /// random. One takes some 200 bytes.
  static final int MAX_CLIENTS = 262_144;

  private static final String REFUSE = "refuse";

  /// Of the hash of a connection's addresses and ports. All nodes have one.
  private static final int TABLE_SEED = 0x6d61_676c;

  private final IpFamily family;
  private final ServicesConfig config;
  private final List<Prefix> podPrefixes;
  private final NftTable table;
  private final NftSet services;
  private final NftSet endpoints;
  private final NftSet clients;
  private final NftSet numbers;
  private final NftSet kept;
  private final NftSet refused;
  private final NftSet hairpins;
  private final NftType address;

  /// Registers.
  private final int front;

  private final int index;
  private final int found;

  NftRules(IpFamily family, ServicesConfig config) {
    this.family = family;
    this.config = config;
    this.podPrefixes =
        config.podPrefixes().stream().filter(prefix -> prefix.family() == family).toList();
    this.table = table(family);
    this.address = NftType.address(family);
    this.front = family.addressBytes() / 4;
    this.index = 2 * front + 2;
    this.found = index + 1;
    this.services = NftSet.verdicts(table, "services", address, NftType.PROTOCOL, NftType.PORT);
    List<NftType> endpoint = List.of(address, NftType.PORT);
    this.endpoints =
        NftSet.map(
            table,
            "endpoints",
            List.of(address, NftType.PROTOCOL, NftType.PORT, NftType.MARK),
            endpoint);
    this.clients =
        NftSet.memory(
            table,
            "clients",
            List.of(address, address, NftType.PROTOCOL, NftType.PORT),
            List.of(NftType.MARK),
            MAX_CLIENTS);
    List<NftType> place = endpoints.key();
    this.numbers = NftSet.map(table, "numbers", place, List.of(NftType.MARK));
    this.kept = NftSet.map(table, "kept", place, endpoint);
    this.refused = NftSet.set(table, "refused", address);
    this.hairpins = NftSet.set(table, "hairpins", address, address);
  }

  static NftTable table(IpFamily family) {
    return new NftTable(NftTable.Family.of(family), TABLE);
  }

  /// The table without any Service, whatever was there before.
  List<NftRequest> skeleton() {
    NftChain prerouting =
        NftChain.base(table, "prerouting", NftChain.Type.NAT, Hook.PREROUTING, -100);
    NftChain output = NftChain.base(table, "output", NftChain.Type.NAT, Hook.OUTPUT, -100);
    NftChain postrouting =
        NftChain.base(table, "postrouting", NftChain.Type.NAT, Hook.POSTROUTING, 100);
    NftChain refuse = NftChain.regular(table, REFUSE);
    List<NftRequest> requests = new ArrayList<>();
    // Adding first makes the deletion succeed where there was none.
    requests.add(new AddTable(table));
    requests.add(new DeleteTable(table));
    requests.add(new AddTable(table));
    for (NftSet set : List.of(services, endpoints, clients, numbers, kept, refused, hairpins)) {
      requests.add(new AddSet(set));
    }
    for (NftChain chain : List.of(prerouting, output, postrouting, refuse)) {
      requests.add(new AddChain(chain));
    }
    for (NftChain chain : List.of(prerouting, output)) {
      List<NftExpression> rule = new ArrayList<>(loadFront(0));
      rule.add(new MapToVerdict(services.name(), 0));
      requests.add(new AddRule(table, chain.name(), rule));
      // Here too, because these chains see only the first packet of a connection, and come before
      // routing: a cluster address needs no route.
      requests.add(
          AddRule.of(
              chain,
              loadDestination(0),
              new InSet(refused.name(), 0, false),
              new Decide(NftVerdict.goTo(refuse.name()))));
      dropNobodys(requests, chain);
    }
    requests.add(
        AddRule.of(
            refuse,
            new Meta(MetaKey.PROTOCOL, 0),
            new Compare(0, true, NftValue.octets((byte) Protocol.TCP.number())),
            new RejectByReset()));
    requests.add(AddRule.of(refuse, new RejectPortUnreachable(family)));
    requests.add(
        AddRule.of(
            postrouting,
            new Meta(MetaKey.MARK, 0),
            new Bitwise(0, NftValue.number(MASQUERADE_MARK), NftValue.number(0)),
            new Compare(0, true, NftValue.number(MASQUERADE_MARK)),
            new Masquerade()));
    requests.add(
        AddRule.of(
            postrouting,
            new Connection(ConnectionKey.STATUS, 0),
            new Bitwise(0, NftValue.number(Connection.STATUS_DESTINATION_NAT), NftValue.number(0)),
            new Compare(0, false, NftValue.number(0)),
            loadSource(0),
            loadDestination(front),
            new InSet(hairpins.name(), 0, false),
            new Masquerade()));
    return requests;
  }

  /// What goes to a cluster address that no Service has would else leave the cluster.
  private void dropNobodys(List<NftRequest> requests, NftChain chain) {
    List<Prefix> ranges =
        config.serviceRanges().stream().filter(range -> range.family() == family).toList();
    for (IpAddress served : config.leftAlone()) {
      if (ranges.stream().anyMatch(range -> range.contains(served))) {
        requests.add(
            AddRule.of(
                chain,
                loadDestination(0),
                new Compare(0, true, NftValue.of(served)),
                new Decide(NftVerdict.accept())));
      }
    }
    for (Prefix range : ranges) {
      List<NftExpression> rule = new ArrayList<>(List.of(loadDestination(0)));
      rule.addAll(isIn(range, 0));
      rule.add(new Decide(NftVerdict.drop()));
      requests.add(new AddRule(table, chain.name(), rule));
    }
  }

  /// Where it is remembered which client has which endpoint.
  NftSet clients() {
    return clients;
  }

  /// What happens at each front.
  NftSet services() {
    return services;
  }

  /// The front that a key of [#services] stands for, if it is one of UDP.
  Optional<Front> datagramFront(NftValue key) {
    ByteBuffer bytes = ByteBuffer.wrap(key.octets());
    if (bytes.remaining() != family.addressBytes() + 8) {
      return Optional.empty();
    }
    byte[] address = new byte[family.addressBytes()];
    bytes.get(address);
    int protocol = bytes.getInt() >>> 24;
    int port = Short.toUnsignedInt(bytes.getShort());
    return protocol == Protocol.UDP.number() && port > 0
        ? Optional.of(new Front(IpAddress.ofBytes(address), Protocol.UDP, port))
        : Optional.empty();
  }

  /// The chains that a plan's fronts lead to and that are not there yet. They are to be there one
  /// transaction before what leads to them: a packet that is under way while a transaction takes
  /// effect finds new elements, but chains as they were, and a new one was empty.
  List<NftRequest> chains(Plan plan) {
    List<NftRequest> requests = new ArrayList<>();
    for (Target.Way way : plan.newWays()) {
      addWay(requests, way);
    }
    return requests;
  }

  /// The rest of a plan as changes of the table.
  List<NftRequest> elements(Plan plan) {
    List<NftRequest> requests = new ArrayList<>();
    delete(requests, services, plan.deletedFronts(), NftRules::key);
    Map<Target.Way, NftVerdict> ways = new HashMap<>();
    add(
        requests,
        services,
        plan.newFronts(),
        added -> Element.of(key(added.front()), verdict(added.target(), ways)));
    delete(requests, endpoints, plan.deletedEndpoints(), NftRules::key);
    add(
        requests,
        endpoints,
        plan.newEndpoints(),
        added -> Element.of(key(added.key()), endpoint(NftValue.builder(), added.address())));
    delete(requests, numbers, plan.deletedNumbers(), NftRules::key);
    add(
        requests,
        numbers,
        plan.newNumbers(),
        added -> Element.of(key(added.key()), NftValue.number(added.number())));
    delete(requests, kept, plan.deletedKept(), NftRules::key);
    add(
        requests,
        kept,
        plan.newKept(),
        one -> Element.of(key(one), endpoint(NftValue.builder(), one.address())));
    delete(requests, refused, plan.deletedRefused(), NftValue::of);
    add(requests, refused, plan.newRefused(), one -> Element.of(NftValue.of(one)));
    delete(requests, hairpins, plan.deletedHairpins(), NftRules::toItself);
    add(requests, hairpins, plan.newHairpins(), one -> Element.of(toItself(one)));
    for (Target.Way way : plan.deletedWays()) {
      requests.add(new DeleteChain(table, way.chain()));
    }
    return requests;
  }

  /// @param ways the verdicts made so far: few for many targets
  private static NftVerdict verdict(Target target, Map<Target.Way, NftVerdict> ways) {
    return switch (target) {
      case Target.Balanced balanced ->
          ways.computeIfAbsent(balanced.way(), way -> NftVerdict.goTo(way.chain()));
      case Target.Refused _ -> NftVerdict.goTo(REFUSE);
      case Target.Dropped _ -> NftVerdict.drop();
    };
  }

  private void addWay(List<NftRequest> requests, Target.Way way) {
    NftChain chain = NftChain.regular(table, way.chain());
    requests.add(new AddChain(chain));
    if (!way.sources().isEmpty()) {
      for (Prefix source : way.sources()) {
        List<NftExpression> rule = new ArrayList<>(isFrom(source));
        rule.add(new Decide(NftVerdict.goTo(way.forAll().chain())));
        requests.add(new AddRule(table, chain.name(), rule));
      }
      requests.add(AddRule.of(chain, new Decide(NftVerdict.drop())));
      return;
    }
    Redirects redirects = new Redirects(requests, chain, way);
    switch (way.reach()) {
      case CLUSTER -> {
        List<NftExpression> fromElsewhere = new ArrayList<>();
        for (Prefix prefix : podPrefixes) {
          fromElsewhere.addAll(isNotFrom(prefix));
        }
        if (!fromElsewhere.isEmpty()) {
          fromElsewhere.addAll(markForMasquerade());
          requests.add(new AddRule(table, chain.name(), fromElsewhere));
        }
        redirects.add(List.of(), way.count(), 0);
      }
      case EXTERNAL -> {
        requests.add(new AddRule(table, chain.name(), markForMasquerade()));
        redirects.add(List.of(), way.count(), 0);
      }
      case LOCAL -> {
        for (Prefix prefix : podPrefixes) {
          redirects.add(isFrom(prefix), way.count(), 0);
        }
        List<NftExpression> ours =
            List.of(
                new SourceType(0),
                new Compare(0, true, NftValue.number(NftExpression.DestinationType.LOCAL)));
        List<NftExpression> marked = new ArrayList<>(ours);
        marked.addAll(markForMasquerade());
        requests.add(new AddRule(table, chain.name(), marked));
        redirects.add(ours, way.count(), 0);
        redirects.add(List.of(), way.here(), Plan.HERE);
      }
    }
    // The front is gone by now. To go on would have connection tracking remember that nothing was
    // done.
    requests.add(AddRule.of(chain, new Decide(NftVerdict.drop())));
  }

  /// Adds the rules that choose among some of a front's endpoints.
  private final class Redirects {
    private final List<NftRequest> requests;
    private final NftChain chain;
    private final Target.Way way;

    Redirects(List<NftRequest> requests, NftChain chain, Target.Way way) {
      this.requests = requests;
      this.chain = chain;
      this.way = way;
    }

    /// @param whose whom the rules are for, as steps
    /// @param start where in the front's list the endpoints start
    void add(List<NftExpression> whose, int count, int start) {
      if (count == 0) {
        List<NftExpression> rule = new ArrayList<>(whose);
        rule.add(new Decide(NftVerdict.drop()));
        requests.add(new AddRule(table, chain.name(), rule));
        return;
      }
      if (way.maglev() && count > 1) {
        rule(whose, byTable(count, start));
        rule(whose, List.of(new RandomNumber(1, start, index), lookup()));
        return;
      }
      NftExpression choice = new RandomNumber(count, start, index);
      way.affinity()
          .ifPresent(time -> {
            NftExpression remember = new Remember(clients.name(), 0, index, time);
            NftExpression ofNumber = new MapToValue(kept.name(), front, found);
            List<NftExpression> again = new ArrayList<>(List.of(loadSource(0)));
            again.addAll(number(new MapToValue(clients.name(), 0, index)));
            again.addAll(List.of(ofNumber, remember));
            rule(whose, again);
            List<NftExpression> first = new ArrayList<>(List.of(loadSource(0), choice));
            first.addAll(number(new MapToValue(numbers.name(), front, index)));
            first.addAll(List.of(ofNumber, new Forget(clients.name(), 0, index), remember));
            rule(whose, first);
          });
      rule(whose, List.of(choice, new MapToValue(endpoints.name(), front, found)));
      if (count > 1) {
        // A packet under way while endpoints go is still led here, and may have chosen one of them.
        NftExpression first = new RandomNumber(1, start, index);
        rule(whose, List.of(first, new MapToValue(endpoints.name(), front, found)));
      }
    }

    /// The same for every packet of a connection, and on every node.
    private List<NftExpression> byTable(int count, int start) {
      return List.of(
          loadSource(0),
          new Payload(Header.TRANSPORT, 0, 2, index),
          new Hash(0, 4 * (index + 1), count, TABLE_SEED, index, start),
          lookup());
    }

    private NftExpression lookup() {
      return new MapToValue(endpoints.name(), front, found);
    }

    /// Looks an endpoint's number up, by way of the packet's mark, which is then as it was: `nft`
    /// (1.0.6) ends with a failed assertion where a key is made of what another look-up found.
    private List<NftExpression> number(MapToValue lookup) {
      return List.of(
          new Meta(MetaKey.MARK, found),
          lookup,
          new SetMark(index),
          new Meta(MetaKey.MARK, index),
          new SetMark(found));
    }

    private void rule(List<NftExpression> whose, List<NftExpression> steps) {
      List<NftExpression> rule = new ArrayList<>(whose);
      rule.addAll(loadFront(front));
      rule.addAll(steps);
      rule.add(new DestinationNat(family, found));
      requests.add(new AddRule(table, chain.name(), rule));
    }
  }

  private static List<NftExpression> markForMasquerade() {
    return List.of(
        new Meta(MetaKey.MARK, 0),
        new Bitwise(0, NftValue.number(~MASQUERADE_MARK), NftValue.number(MASQUERADE_MARK)),
        new SetMark(0));
  }

  private List<NftExpression> isFrom(Prefix prefix) {
    List<NftExpression> steps = new ArrayList<>(List.of(loadSource(0)));
    steps.addAll(isIn(prefix, 0));
    return steps;
  }

  private List<NftExpression> isNotFrom(Prefix prefix) {
    return List.of(
        loadSource(0), masked(prefix, 0), new Compare(0, false, NftValue.of(prefix.address())));
  }

  private List<NftExpression> isIn(Prefix prefix, int register) {
    return List.of(
        masked(prefix, register), new Compare(register, true, NftValue.of(prefix.address())));
  }

  private Bitwise masked(Prefix prefix, int register) {
    return new Bitwise(register, mask(prefix), NftValue.of(new IpAddress(family, 0, 0)));
  }

  private List<NftExpression> loadFront(int register) {
    return List.of(
        loadDestination(register),
        new Meta(MetaKey.PROTOCOL, register + family.addressBytes() / 4),
        new Payload(Header.TRANSPORT, 2, 2, register + family.addressBytes() / 4 + 1));
  }

  /// Offsets of RFC 791 and RFC 8200.
  private Payload loadSource(int register) {
    int offset =
        switch (family) {
          case IPV4 -> 12;
          case IPV6 -> 8;
        };
    return new Payload(Header.NETWORK, offset, family.addressBytes(), register);
  }

  private Payload loadDestination(int register) {
    int offset =
        switch (family) {
          case IPV4 -> 16;
          case IPV6 -> 24;
        };
    return new Payload(Header.NETWORK, offset, family.addressBytes(), register);
  }

  private static NftValue mask(Prefix prefix) {
    byte[] mask = new byte[prefix.family().addressBytes()];
    for (int i = 0; i < prefix.length(); i++) {
      mask[i / 8] |= (byte) (0x80 >>> (i % 8));
    }
    return NftValue.octets(mask);
  }

  private static NftValue key(Front front) {
    return builder(front).build();
  }

  private static NftValue key(Plan.EndpointKey key) {
    return builder(key.front()).number(key.index()).build();
  }

  private static NftValue.Builder builder(Front front) {
    return NftValue.builder()
        .address(front.address())
        .protocol(front.protocol())
        .port(front.port());
  }

  private static NftValue key(Plan.Kept kept) {
    return builder(kept.front()).number(kept.number()).build();
  }

  private static NftValue endpoint(NftValue.Builder before, TransportAddress endpoint) {
    return before.address(endpoint.address()).port(endpoint.port()).build();
  }

  private static NftValue toItself(IpAddress address) {
    return NftValue.builder().address(address).address(address).build();
  }

  private static <T> void delete(
      List<NftRequest> requests, NftSet set, List<T> some, Function<T, NftValue> key) {
    if (!some.isEmpty()) {
      requests.add(
          new DeleteElements(set, some.stream().map(one -> Element.of(key.apply(one))).toList()));
    }
  }

  private static <T> void add(
      List<NftRequest> requests, NftSet set, List<T> some, Function<T, Element> element) {
    if (!some.isEmpty()) {
      List<Element> elements = new ArrayList<>(some.size());
      for (T one : some) {
        elements.add(element.apply(one));
      }
      requests.add(new AddElements(set, elements));
    }
  }
}
