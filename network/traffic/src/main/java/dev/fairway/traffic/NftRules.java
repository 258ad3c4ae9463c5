// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftChain.Hook;
import dev.fairway.linux.nft.NftExpression;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.Connection;
import dev.fairway.linux.nft.NftExpression.ConnectionKey;
import dev.fairway.linux.nft.NftExpression.Decide;
import dev.fairway.linux.nft.NftExpression.DestinationNat;
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
import dev.fairway.linux.nft.NftExpression.SetMark;
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
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// Renders rules of one IP family for nf_tables. Pure.
///
/// Registers: the key of a front starts at 0 (address, protocol, port, then the index), the
/// endpoint found at 8.
final class NftRules {
  static final String TABLE = "fairway-services";

  /// The bit of a packet's mark that asks for masquerading, between prerouting and postrouting.
  static final int MASQUERADE_MARK = 0x0010_0000;

  private static final int FOUND = 8;
  private static final int STICKY_SEED = 0x0fa1;

  private final IpFamily family;
  private final List<Prefix> podPrefixes;
  private final NftTable table;
  private final NftSet services;
  private final NftSet endpoints;
  private final NftSet refused;
  private final NftSet hairpins;
  private final NftType address;
  private final int words;

  NftRules(IpFamily family, List<Prefix> podPrefixes) {
    this.family = family;
    this.podPrefixes = podPrefixes.stream().filter(p -> p.family() == family).toList();
    this.table = table(family);
    this.address = NftType.address(family);
    this.words = family.addressBytes() / 4;
    this.services = NftSet.verdicts(table, "services", address, NftType.PROTOCOL, NftType.PORT);
    this.endpoints =
        NftSet.map(
            table,
            "endpoints",
            List.of(address, NftType.PROTOCOL, NftType.PORT, NftType.MARK),
            List.of(address, NftType.PORT));
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
    NftChain refuse = NftChain.regular(table, "refuse");
    List<NftRequest> requests = new ArrayList<>();
    // Adding first makes the deletion succeed where there was none.
    requests.add(new AddTable(table));
    requests.add(new DeleteTable(table));
    requests.add(new AddTable(table));
    for (NftSet set : List.of(services, endpoints, refused, hairpins)) {
      requests.add(new AddSet(set));
    }
    for (NftChain chain : List.of(prerouting, output, postrouting, refuse)) {
      requests.add(new AddChain(chain));
    }
    for (NftChain chain : List.of(prerouting, output)) {
      List<NftExpression> rule = new ArrayList<>(loadFront());
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
            loadDestination(words),
            new InSet(hairpins.name(), 0, false),
            new Masquerade()));
    return requests;
  }

  /// A plan as changes of the table.
  List<NftRequest> render(Plan plan) {
    List<NftRequest> requests = new ArrayList<>();
    for (Target.Way way : plan.newWays()) {
      addWay(requests, way);
    }
    delete(requests, services, plan.deletedFronts(), NftRules::key);
    add(
        requests,
        services,
        plan.newFronts(),
        added -> Element.of(key(added.front()), NftVerdict.goTo(added.way().chain())));
    delete(requests, endpoints, plan.deletedEndpoints(), NftRules::key);
    add(
        requests,
        endpoints,
        plan.newEndpoints(),
        added ->
            Element.of(
                key(added.key()),
                NftValue.builder()
                    .address(added.address().address())
                    .port(added.address().port())
                    .build()));
    delete(requests, refused, plan.deletedRefused(), NftValue::of);
    add(requests, refused, plan.newRefused(), one -> Element.of(NftValue.of(one)));
    delete(requests, hairpins, plan.deletedHairpins(), NftRules::toItself);
    add(requests, hairpins, plan.newHairpins(), one -> Element.of(toItself(one)));
    for (Target.Way way : plan.deletedWays()) {
      requests.add(new DeleteChain(table, way.chain()));
    }
    return requests;
  }

  private void addWay(List<NftRequest> requests, Target.Way way) {
    NftChain chain = NftChain.regular(table, way.chain());
    requests.add(new AddChain(chain));
    List<NftExpression> mark = new ArrayList<>();
    if (way.reach() == Target.Reach.CLUSTER) {
      for (Prefix prefix : podPrefixes) {
        mark.add(loadSource(0));
        mark.add(new Bitwise(0, mask(prefix), NftValue.of(new IpAddress(family, 0, 0))));
        mark.add(new Compare(0, false, NftValue.of(prefix.address())));
      }
    }
    boolean some = way.reach() == Target.Reach.EXTERNAL || !mark.isEmpty();
    if (some) {
      mark.add(new Meta(MetaKey.MARK, 0));
      mark.add(new Bitwise(0, NftValue.number(~MASQUERADE_MARK), NftValue.number(MASQUERADE_MARK)));
      mark.add(new SetMark(0));
      requests.add(new AddRule(table, chain.name(), mark));
    }
    List<NftExpression> redirect = new ArrayList<>(loadFront());
    int index = words + 2;
    if (way.sticky()) {
      redirect.add(loadSource(FOUND));
      redirect.add(new Hash(FOUND, family.addressBytes(), way.count(), STICKY_SEED, index));
    } else {
      redirect.add(new RandomNumber(way.count(), index));
    }
    redirect.add(new MapToValue(endpoints.name(), 0, FOUND));
    redirect.add(new DestinationNat(family, FOUND));
    requests.add(new AddRule(table, chain.name(), redirect));
  }

  private List<NftExpression> loadFront() {
    return List.of(
        loadDestination(0),
        new Meta(MetaKey.PROTOCOL, words),
        new Payload(Header.TRANSPORT, 2, 2, words + 1));
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
      requests.add(new AddElements(set, some.stream().map(element).toList()));
    }
  }
}
