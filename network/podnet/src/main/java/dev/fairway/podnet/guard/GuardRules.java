// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import dev.fairway.linux.nft.NftChain;
import dev.fairway.linux.nft.NftExpression;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.CountBy;
import dev.fairway.linux.nft.NftExpression.Decide;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftExpression.InSet;
import dev.fairway.linux.nft.NftExpression.Meta;
import dev.fairway.linux.nft.NftExpression.MetaKey;
import dev.fairway.linux.nft.NftExpression.Payload;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftSet;
import dev.fairway.linux.nft.NftSet.Element;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftType;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.linux.nft.NftVerdict;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/// The rules, and what they need to know of a pod. Pure.
final class GuardRules {
  static final String TABLE = "fairway-guard";

  /// After fragments are put together (-400), before `raw` (-300) and all that costs more.
  private static final int PRIORITY = -310;

  private static final String LINKS = "links";
  private static final String SOURCES = "sources";
  private static final String MACS = "macs";
  private static final String PODS = "pods";
  private static final String SERVERS = "servers";
  private static final String NEIGHBOURS = "neighbours";

  private static final int UDP = 17;
  private static final int ICMPV6 = 58;
  private static final int ROUTER_ADVERTISEMENT = 134; // RFC 4861
  private static final int NEIGHBOUR_ADVERTISEMENT = 136;
  private static final int REDIRECT = 137;

  /// Registers: the link's index at 0, the MAC at 1 and 2, the address from 3.
  private static final int ADDRESS = 3;

  private GuardRules() {}

  /// What a pod may send by.
  ///
  /// @param link the machine's end of its wire
  /// @param addresses its own, and those it may use beside them; without any it may send nothing
  record Pod(int link, MacAddress mac, List<IpAddress> addresses) {
    Pod {
      addresses = List.copyOf(addresses);
    }
  }

  /// The three tables.
  static List<NftTable> tables() {
    return List.of(table(IpFamily.IPV4), table(IpFamily.IPV6), arp());
  }

  /// Removes everything.
  static List<NftRequest> remove() {
    List<NftRequest> requests = new ArrayList<>();
    for (NftTable table : tables()) {
      requests.add(new NftRequest.AddTable(table)); // to delete it where there is none
      requests.add(new NftRequest.DeleteTable(table));
    }
    return requests;
  }

  /// Puts these rules and pods in the place of what was there.
  static List<NftRequest> replace(Collection<Pod> pods) {
    List<NftRequest> requests = remove();
    for (IpFamily family : IpFamily.values()) {
      NftTable table = table(family);
      NftChain first =
          NftChain.base(
              table, "prerouting", NftChain.Type.FILTER, NftChain.Hook.PREROUTING, PRIORITY);
      begin(requests, table, first, family);
      fill(requests, table, family);
    }
    NftTable arp = arp();
    NftChain first = NftChain.base(arp, "input", NftChain.Type.FILTER, NftChain.Hook.ARP_INPUT, 0);
    begin(requests, arp, first, IpFamily.IPV4);
    // RFC 826: the sender's MAC and address.
    List<NftExpression> sender = new ArrayList<>();
    sender.add(new Meta(MetaKey.INPUT_INDEX, 0));
    sender.add(new Payload(Header.NETWORK, 8, MacAddress.BYTES, 1));
    sender.add(new Payload(Header.NETWORK, 14, 4, ADDRESS));
    sender.add(new InSet(SOURCES, 0, true));
    requests.add(drop(arp, PODS, GuardReason.ARP, sender));
    requests.addAll(elements(pods, true));
    return requests;
  }

  private static void begin(
      List<NftRequest> requests, NftTable table, NftChain first, IpFamily family) {
    NftSet links = links(table);
    requests.add(new NftRequest.AddTable(table));
    for (GuardReason reason : GuardReason.values()) {
      if (reason.in(table.family())) {
        requests.add(new NftRequest.AddCounter(table, reason.counter()));
      }
    }
    requests.add(new NftRequest.AddSet(links));
    requests.add(new NftRequest.AddSet(sources(table, family)));
    requests.add(new NftRequest.AddChain(first));
    requests.add(new NftRequest.AddChain(NftChain.regular(table, PODS)));
    requests.add(
        NftRequest.AddRule.of(
            first,
            new Meta(MetaKey.INPUT_INDEX, 0),
            new InSet(LINKS, 0, false),
            new Decide(NftVerdict.goTo(PODS))));
  }

  private static void fill(List<NftRequest> requests, NftTable table, IpFamily family) {
    requests.add(new NftRequest.AddChain(NftChain.regular(table, SERVERS)));
    List<NftExpression> server = new ArrayList<>();
    match(server, new Meta(MetaKey.PROTOCOL, 0), UDP);
    server.add(new Payload(Header.TRANSPORT, 0, 2, 0));
    server.add(new Compare(0, true, NftValue.octets(port(family == IpFamily.IPV4 ? 67 : 547))));
    requests.add(
        drop(
            table,
            SERVERS,
            family == IpFamily.IPV4 ? GuardReason.DHCP_IPV4 : GuardReason.DHCP_IPV6,
            server));
    switch (family) {
      case IPV4 -> {
        List<NftExpression> stranger = source(family);
        stranger.add(new InSet(SOURCES, 0, true));
        requests.add(drop(table, PODS, GuardReason.SOURCE_IPV4, stranger));
        requests.add(rule(table, PODS, List.of(new Decide(NftVerdict.goTo(SERVERS)))));
      }
      case IPV6 -> {
        requests.add(new NftRequest.AddSet(macs(table)));
        requests.add(new NftRequest.AddChain(NftChain.regular(table, NEIGHBOURS)));
        List<NftExpression> control = new ArrayList<>();
        match(control, new Meta(MetaKey.PROTOCOL, 0), ICMPV6);
        control.add(new Decide(NftVerdict.goTo(NEIGHBOURS)));
        requests.add(rule(table, PODS, control));
        // Neighbours and groups are found out by ICMPv6; else an address that is not routed would
        // get past what is kept by address.
        acceptOwn(requests, table, PODS, SERVERS);
        requests.add(drop(table, PODS, GuardReason.SOURCE_IPV6, List.of()));
        neighbours(requests, table);
      }
    }
  }

  private static void neighbours(List<NftRequest> requests, NftTable table) {
    for (GuardReason reason : List.of(GuardReason.ROUTER, GuardReason.REDIRECT)) {
      List<NftExpression> router = new ArrayList<>();
      int type = reason == GuardReason.ROUTER ? ROUTER_ADVERTISEMENT : REDIRECT;
      match(router, new Payload(Header.TRANSPORT, 0, 1, 0), type);
      requests.add(drop(table, NEIGHBOURS, reason, router));
    }
    List<NftExpression> other = new ArrayList<>();
    match(other, new Payload(Header.TRANSPORT, 0, 1, 0), NEIGHBOUR_ADVERTISEMENT);
    linkLocal(other, new Payload(Header.TRANSPORT, 8, 2, 0), false);
    other.add(new Meta(MetaKey.INPUT_INDEX, 0));
    other.add(new Payload(Header.LINK, 6, MacAddress.BYTES, 1));
    other.add(new Payload(Header.TRANSPORT, 8, 16, ADDRESS)); // whom it speaks of
    other.add(new InSet(SOURCES, 0, true));
    requests.add(drop(table, NEIGHBOURS, GuardReason.NEIGHBOUR, other));
    acceptOwn(requests, table, NEIGHBOURS, SERVERS);
    acceptLinkLocal(requests, table, NEIGHBOURS, SERVERS);
    // A link that looks whether its address is free has none yet (RFC 4862).
    List<NftExpression> unspecified = new ArrayList<>();
    unspecified.add(new Payload(Header.NETWORK, 8, 16, 0));
    unspecified.add(new Compare(0, true, NftValue.octets(new byte[16])));
    unspecified.add(new Meta(MetaKey.INPUT_INDEX, 0));
    unspecified.add(new Payload(Header.LINK, 6, MacAddress.BYTES, 1));
    unspecified.add(new InSet(MACS, 0, false));
    unspecified.add(new Decide(NftVerdict.accept()));
    requests.add(rule(table, NEIGHBOURS, unspecified));
    requests.add(drop(table, NEIGHBOURS, GuardReason.SOURCE_ICMPV6, List.of()));
  }

  /// From an address of the pod.
  private static void acceptOwn(
      List<NftRequest> requests, NftTable table, String chain, String next) {
    List<NftExpression> own = source(IpFamily.IPV6);
    own.add(new InSet(SOURCES, 0, false));
    own.add(new Decide(NftVerdict.goTo(next)));
    requests.add(rule(table, chain, own));
  }

  /// From any address that is not routed, by the pod's MAC.
  private static void acceptLinkLocal(
      List<NftRequest> requests, NftTable table, String chain, String next) {
    List<NftExpression> local = new ArrayList<>();
    linkLocal(local, new Payload(Header.NETWORK, 8, 2, 0), true);
    local.add(new Meta(MetaKey.INPUT_INDEX, 0));
    local.add(new Payload(Header.LINK, 6, MacAddress.BYTES, 1));
    local.add(new InSet(MACS, 0, false));
    local.add(new Decide(NftVerdict.goTo(next)));
    requests.add(rule(table, chain, local));
  }

  private static List<NftExpression> source(IpFamily family) {
    List<NftExpression> steps = new ArrayList<>();
    steps.add(new Meta(MetaKey.INPUT_INDEX, 0));
    steps.add(new Payload(Header.LINK, 6, MacAddress.BYTES, 1));
    steps.add(
        new Payload(
            Header.NETWORK, family == IpFamily.IPV4 ? 12 : 8, family.addressBytes(), ADDRESS));
    return steps;
  }

  private static void match(List<NftExpression> steps, NftExpression load, int octet) {
    steps.add(load);
    steps.add(new Compare(0, true, NftValue.octets((byte) octet)));
  }

  /// `fe80::/10`
  private static void linkLocal(List<NftExpression> steps, NftExpression load, boolean is) {
    steps.add(load);
    steps.add(
        new Bitwise(
            0, NftValue.octets((byte) 0xff, (byte) 0xc0), NftValue.octets((byte) 0, (byte) 0)));
    steps.add(new Compare(0, is, NftValue.octets((byte) 0xfe, (byte) 0x80)));
  }

  private static byte[] port(int number) {
    return new byte[] {(byte) (number >>> 8), (byte) number};
  }

  private static NftRequest rule(NftTable table, String chain, List<NftExpression> steps) {
    return new NftRequest.AddRule(table, chain, steps);
  }

  private static NftRequest drop(
      NftTable table, String chain, GuardReason reason, List<NftExpression> when) {
    List<NftExpression> steps = new ArrayList<>(when);
    steps.add(new CountBy(reason.counter()));
    steps.add(new Decide(NftVerdict.drop()));
    return rule(table, chain, steps);
  }

  /// The elements of some pods, to be added or to be deleted.
  static List<NftRequest> elements(Collection<Pod> pods, boolean add) {
    List<NftRequest> requests = new ArrayList<>();
    if (pods.isEmpty()) {
      return requests;
    }
    for (IpFamily family : IpFamily.values()) {
      NftTable table = table(family);
      List<Element> sources = sourceElements(pods, family);
      change(requests, links(table), linkElements(pods), add);
      change(requests, sources(table, family), sources, add);
      switch (family) {
        case IPV4 -> {
          change(requests, links(arp()), linkElements(pods), add);
          change(requests, sources(arp(), family), sources, add);
        }
        case IPV6 -> {
          List<Element> macs = new ArrayList<>();
          for (Pod pod : pods) {
            if (pod.addresses.isEmpty()) {
              continue;
            }
            macs.add(Element.of(NftValue.builder().number(pod.link).mac(pod.mac).build()));
          }
          change(requests, macs(table), macs, add);
        }
      }
    }
    return requests;
  }

  private static List<Element> linkElements(Collection<Pod> pods) {
    List<Element> elements = new ArrayList<>();
    for (Pod pod : pods) {
      elements.add(Element.of(NftValue.number(pod.link)));
    }
    return elements;
  }

  private static List<Element> sourceElements(Collection<Pod> pods, IpFamily family) {
    List<Element> elements = new ArrayList<>();
    for (Pod pod : pods) {
      for (IpAddress address : pod.addresses) {
        if (address.family() == family) {
          elements.add(
              Element.of(
                  NftValue.builder().number(pod.link).mac(pod.mac).address(address).build()));
        }
      }
    }
    return elements;
  }

  private static void change(
      List<NftRequest> requests, NftSet set, List<Element> elements, boolean add) {
    if (!elements.isEmpty()) {
      requests.add(
          add
              ? new NftRequest.AddElements(set, elements)
              : new NftRequest.DeleteElements(set, elements));
    }
  }

  private static NftTable table(IpFamily family) {
    return new NftTable(NftTable.Family.of(family), TABLE);
  }

  private static NftTable arp() {
    return new NftTable(NftTable.Family.ARP, TABLE);
  }

  private static NftSet links(NftTable table) {
    return NftSet.set(table, LINKS, NftType.LINK_INDEX);
  }

  private static NftSet sources(NftTable table, IpFamily family) {
    return NftSet.set(table, SOURCES, NftType.LINK_INDEX, NftType.MAC, NftType.address(family));
  }

  private static NftSet macs(NftTable table) {
    return NftSet.set(table, MACS, NftType.LINK_INDEX, NftType.MAC);
  }
}
