// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.hostport;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftExpression;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftExpression.MetaKey;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftSet;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftType;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.linux.nft.NftVerdict;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.util.ArrayList;
import java.util.List;

/// The table of one family. Pure.
record HostPortRules(IpFamily family) {
  static final String TABLE = "fairway-hostports";

  /// Before the destination NAT of Services (-100), after connection tracking (-200).
  private static final int TRANSLATE_PRIORITY = -110;

  /// Before the source NAT of all others (100).
  private static final int MASQUERADE_PRIORITY = 90;

  /// `NF_IP_PRI_RAW` of `linux/netfilter_ipv4.h`
  private static final int RAW_PRIORITY = -300;

  private static final int LOOPBACK_INDEX = 1;

  /// Where a map's data goes, behind the longest key.
  private static final int FOUND = 8;

  NftTable table() {
    return new NftTable(NftTable.Family.of(family), TABLE);
  }

  /// The table without any port, in place of whatever was there.
  List<NftRequest> skeleton() {
    List<NftRequest> requests = new ArrayList<>();
    requests.add(new NftRequest.AddTable(table()));
    requests.add(new NftRequest.DeleteTable(table()));
    requests.add(new NftRequest.AddTable(table()));
    for (NftSet set : List.of(everywhere(), bound(), hairpins())) {
      requests.add(new NftRequest.AddSet(set));
    }
    for (NftChain.Hook hook : List.of(NftChain.Hook.PREROUTING, NftChain.Hook.OUTPUT)) {
      String name = hook == NftChain.Hook.PREROUTING ? "arriving" : "local";
      NftChain chain = NftChain.base(table(), name, NftChain.Type.NAT, hook, TRANSLATE_PRIORITY);
      requests.add(new NftRequest.AddChain(chain));
      requests.add(new AddRule(table(), name, toBound()));
      requests.add(new AddRule(table(), name, toEverywhere()));
    }
    NftChain leaving =
        NftChain.base(
            table(), "leaving", NftChain.Type.NAT, NftChain.Hook.POSTROUTING, MASQUERADE_PRIORITY);
    requests.add(new NftRequest.AddChain(leaving));
    requests.add(
        AddRule.of(leaving, loadSource(0), loadDestination(words()), inHairpins(), masquerade()));
    if (family == IpFamily.IPV4) {
      requests.add(new AddRule(table(), leaving.name(), loopbackLeaves()));
      NftChain guard =
          NftChain.base(
              table(), "guard", NftChain.Type.FILTER, NftChain.Hook.PREROUTING, RAW_PRIORITY);
      requests.add(new NftRequest.AddChain(guard));
      requests.add(new AddRule(table(), guard.name(), strangerToLoopback()));
    }
    return requests;
  }

  List<NftRequest> add(List<HostPort> ports) {
    List<NftRequest> requests = new ArrayList<>();
    for (HostPort port : ports) {
      if (port.target().address().family() == family) {
        NftSet map = port.hostAddress().isEmpty() ? everywhere() : bound();
        requests.add(
            new NftRequest.AddElements(map, List.of(NftSet.Element.of(key(port), target(port)))));
      }
    }
    for (IpAddress address : targets(ports)) {
      requests.add(new NftRequest.AddElements(hairpins(), List.of(hairpin(address))));
    }
    return requests;
  }

  List<NftRequest> delete(List<HostPort> ports) {
    List<NftRequest> requests = new ArrayList<>();
    for (HostPort port : ports) {
      if (port.target().address().family() == family) {
        NftSet map = port.hostAddress().isEmpty() ? everywhere() : bound();
        requests.add(new NftRequest.DeleteElements(map, List.of(NftSet.Element.of(key(port)))));
      }
    }
    for (IpAddress address : targets(ports)) {
      requests.add(new NftRequest.DeleteElements(hairpins(), List.of(hairpin(address))));
    }
    return requests;
  }

  private List<IpAddress> targets(List<HostPort> ports) {
    return ports.stream()
        .map(port -> port.target().address())
        .filter(address -> address.family() == family)
        .distinct()
        .toList();
  }

  private NftSet everywhere() {
    return NftSet.map(
        table(),
        "everywhere",
        List.of(NftType.PROTOCOL, NftType.PORT),
        List.of(NftType.address(family), NftType.PORT));
  }

  private NftSet bound() {
    return NftSet.map(
        table(),
        "bound",
        List.of(NftType.address(family), NftType.PROTOCOL, NftType.PORT),
        List.of(NftType.address(family), NftType.PORT));
  }

  private NftSet hairpins() {
    return NftSet.set(table(), "hairpins", NftType.address(family), NftType.address(family));
  }

  private static NftValue key(HostPort port) {
    NftValue.Builder key = NftValue.builder();
    port.hostAddress().ifPresent(key::address);
    return key.protocol(port.protocol()).port(port.port()).build();
  }

  private static NftValue target(HostPort port) {
    return NftValue.builder().address(port.target().address()).port(port.target().port()).build();
  }

  private static NftSet.Element hairpin(IpAddress address) {
    return NftSet.Element.of(NftValue.builder().address(address).address(address).build());
  }

  private List<NftExpression> toBound() {
    return List.of(
        loadDestination(0),
        new NftExpression.Meta(MetaKey.PROTOCOL, words()),
        loadPort(words() + 1),
        new NftExpression.MapToValue("bound", 0, FOUND),
        new NftExpression.DestinationNat(family, FOUND));
  }

  private List<NftExpression> toEverywhere() {
    List<NftExpression> steps = new ArrayList<>();
    if (family == IpFamily.IPV6) {
      steps.add(loadDestination(0));
      steps.add(
          new NftExpression.Compare(0, false, NftValue.of(new IpAddress(IpFamily.IPV6, 0, 1))));
    }
    steps.add(new NftExpression.DestinationType(0));
    steps.add(
        new NftExpression.Compare(0, true, NftValue.number(NftExpression.DestinationType.LOCAL)));
    steps.add(new NftExpression.Meta(MetaKey.PROTOCOL, 0));
    steps.add(loadPort(1));
    steps.add(new NftExpression.MapToValue("everywhere", 0, FOUND));
    steps.add(new NftExpression.DestinationNat(family, FOUND));
    return steps;
  }

  /// The node itself, by 127.0.0.1, after its packet was sent to a pod.
  private List<NftExpression> loopbackLeaves() {
    NftValue translated = NftValue.number(NftExpression.Connection.STATUS_DESTINATION_NAT);
    return List.of(
        loadSource(0),
        firstOctet(),
        new NftExpression.Compare(
            0, true, NftValue.octets((byte) 127, (byte) 0, (byte) 0, (byte) 0)),
        new NftExpression.Connection(NftExpression.ConnectionKey.STATUS, 0),
        new NftExpression.Bitwise(0, translated, NftValue.number(0)),
        new NftExpression.Compare(0, true, translated),
        masquerade());
  }

  private List<NftExpression> strangerToLoopback() {
    return List.of(
        new NftExpression.Meta(MetaKey.INPUT_INDEX, 0),
        new NftExpression.Compare(0, false, NftValue.number(LOOPBACK_INDEX)),
        loadDestination(0),
        firstOctet(),
        new NftExpression.Compare(
            0, true, NftValue.octets((byte) 127, (byte) 0, (byte) 0, (byte) 0)),
        new NftExpression.Decide(NftVerdict.drop()));
  }

  private static NftExpression firstOctet() {
    return new NftExpression.Bitwise(
        0, NftValue.octets((byte) 255, (byte) 0, (byte) 0, (byte) 0), NftValue.octets(new byte[4]));
  }

  private NftExpression inHairpins() {
    return new NftExpression.InSet("hairpins", 0, false);
  }

  private static NftExpression masquerade() {
    return new NftExpression.Masquerade();
  }

  /// Registers that an address takes.
  private int words() {
    return family.addressBytes() / 4;
  }

  private static NftExpression loadPort(int register) {
    return new NftExpression.Payload(Header.TRANSPORT, 2, 2, register);
  }

  /// Where RFC 791 and RFC 8200 have the source address; the destination follows.
  private int sourceOffset() {
    return family == IpFamily.IPV4 ? 12 : 8;
  }

  private NftExpression loadSource(int register) {
    return new NftExpression.Payload(
        Header.NETWORK, sourceOffset(), family.addressBytes(), register);
  }

  private NftExpression loadDestination(int register) {
    return new NftExpression.Payload(
        Header.NETWORK, sourceOffset() + family.addressBytes(), family.addressBytes(), register);
  }
}
