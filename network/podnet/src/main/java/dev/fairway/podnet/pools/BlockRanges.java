// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which ranges does each node have? Read from all [AddressBlock] objects. Pure.
///
/// No two blocks overlap. A single address may lie in another node's block: the longer prefix wins,
/// as in any routing table.
///
/// @param blocks every block by its range
/// @param blocksOf each node's blocks, in order
/// @param singlesOf the addresses each node has out of blocks that are not its own, in order
/// @param problems objects that are not used, and why
public record BlockRanges(
    NavigableMap<Prefix, Block> blocks,
    Map<String, List<Prefix>> blocksOf,
    Map<String, List<IpAddress>> singlesOf,
    List<String> problems) {
  public static final BlockRanges NONE = of(List.of());

  public BlockRanges {
    blocks = Collections.unmodifiableNavigableMap(new TreeMap<>(blocks));
    blocksOf = Map.copyOf(blocksOf);
    singlesOf = Map.copyOf(singlesOf);
    problems = List.copyOf(problems);
  }

  /// Reads the objects.
  public static BlockRanges of(Collection<AddressBlock> objects) {
    NavigableMap<Prefix, Block> blocks = new TreeMap<>();
    List<String> problems = new ArrayList<>();
    List<AddressBlock> byAge = new ArrayList<>(objects);
    byAge.sort((a, b) -> {
      int order = age(a).compareTo(age(b));
      return order != 0 ? order : a.getMetadata().getName().compareTo(b.getMetadata().getName());
    });
    for (AddressBlock object : byAge) {
      try {
        Block block = Block.of(object);
        Prefix clash = clash(blocks, block.prefix());
        if (clash != null) {
          throw new IllegalArgumentException(
              "AddressBlock "
                  + object.getMetadata().getName()
                  + ": spec.cidr overlaps that of AddressBlock "
                  + Block.name(clash)
                  + "; not used");
        }
        blocks.put(block.prefix(), block);
      } catch (IllegalArgumentException e) {
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    Map<String, List<Prefix>> blocksOf = new HashMap<>();
    Map<String, List<IpAddress>> singlesOf = new LinkedHashMap<>();
    for (Block block : blocks.values()) {
      if (!block.isFree()) {
        blocksOf.computeIfAbsent(block.node(), node -> new ArrayList<>()).add(block.prefix());
      }
      new TreeMap<>(block.claims())
          .forEach((address, node) -> {
            if (!node.equals(block.node())) {
              singlesOf.computeIfAbsent(node, any -> new ArrayList<>()).add(address);
            }
          });
    }
    return new BlockRanges(blocks, blocksOf, singlesOf, problems);
  }

  private static String age(AddressBlock object) {
    String created = object.getMetadata().getCreationTimestamp();
    return created == null ? "" : created;
  }

  private static @Nullable Prefix clash(NavigableMap<Prefix, Block> blocks, Prefix wanted) {
    Prefix last = new Prefix(wanted.last(), wanted.family().addressBits());
    Prefix below = blocks.floorKey(last);
    return below != null && below.overlaps(wanted) ? below : null;
  }

  /// What other nodes send to this node: its blocks, and the single addresses.
  public List<Prefix> reachedAt(String node) {
    List<Prefix> ranges = new ArrayList<>(blocksOf.getOrDefault(node, List.of()));
    singles(node).forEach(address -> ranges.add(address.toPrefix()));
    return ranges;
  }

  /// A node's blocks.
  public List<Prefix> blocks(String node) {
    return blocksOf.getOrDefault(node, List.of());
  }

  /// A node's addresses out of blocks that are not its own.
  public List<IpAddress> singles(String node) {
    return singlesOf.getOrDefault(node, List.of());
  }
}
