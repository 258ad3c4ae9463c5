// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftRequest.AddElements;
import dev.fairway.linux.nft.NftRequest.AddSet;
import dev.fairway.linux.nft.NftRequest.DeleteElements;
import dev.fairway.linux.nft.NftSet;
import dev.fairway.linux.nft.NftSet.Element;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftType;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Renders sets of peers of one IP family for nf_tables. Pure.
final class SetNft {
  private final IpFamily family;
  private final NftTable table;

  SetNft(IpFamily family, NftTable table) {
    this.family = family;
    this.table = table;
  }

  static List<NftValue> keys(Collection<IpAddress> addresses) {
    return addresses.stream().map(NftValue::of).toList();
  }

  static void delete(List<NftRequest> requests, NftSet set, List<NftValue> keys) {
    if (!keys.isEmpty()) {
      requests.add(new DeleteElements(set, keys.stream().map(Element::of).toList()));
    }
  }

  static void add(List<NftRequest> requests, NftSet set, List<Element> elements) {
    if (!elements.isEmpty()) {
      requests.add(new AddElements(set, elements));
    }
  }

  /// A block of the other family has no set in this table.
  static boolean isHere(@Nullable PeerSet set, IpFamily family) {
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

  void addSet(List<NftRequest> requests, String name, PeerSet set) {
    if (!isHere(set, family)) {
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

  void change(List<NftRequest> requests, PolicyPlan.Elements elements) {
    NftType address = NftType.address(family);
    NftSet addresses = NftSet.set(table, elements.set(), address);
    delete(requests, addresses, keys(elements.deleted()));
    add(requests, addresses, keys(elements.added()).stream().map(Element::of).toList());
    NftSet endpoints = NftSet.set(table, elements.set(), address, NftType.PORT);
    delete(requests, endpoints, elements.deletedEndpoints().stream().map(SetNft::key).toList());
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
}
