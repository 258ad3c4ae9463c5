// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.AddressRange;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// Pools and blocks as one node knows them at one moment.
///
/// @param node whose view it is
/// @param labels of that node
/// @param nodeRanges each node's `spec.podCIDRs`, by name; holds every node
/// @param objects of the blocks, by name
record PoolView(
    String node,
    Map<String, String> labels,
    Map<String, List<Prefix>> nodeRanges,
    PoolTable pools,
    BlockRanges ranges,
    Map<String, AddressBlock> objects) {

  static PoolView empty(String node) {
    return new PoolView(node, Map.of(), Map.of(), PoolTable.NONE, BlockRanges.NONE, Map.of());
  }

  /// The blocks cut from a pool, whoever has them.
  List<Block> blocks(Pool pool) {
    Prefix last = new Prefix(pool.cidr().last(), pool.family().addressBits());
    return ranges.blocks().subMap(pool.cidr(), true, last, true).values().stream()
        .filter(block -> block.pool().equals(pool.name()))
        .toList();
  }

  Optional<Block> block(Prefix prefix) {
    return Optional.ofNullable(ranges.blocks().get(prefix));
  }

  /// The block that an address is in, or that lies where the address's block would be: its pool may
  /// have had another `spec.blockSize` when it was cut.
  Optional<Block> blockAt(IpAddress address, Prefix range) {
    Map.Entry<Prefix, Block> below = ranges.blocks().floorEntry(address.toPrefix());
    if (below == null || !below.getKey().contains(address)) {
      below = ranges.blocks().floorEntry(new Prefix(range.last(), range.family().addressBits()));
    }
    return Optional.ofNullable(below)
        .filter(block -> block.getKey().overlaps(range))
        .map(Map.Entry::getValue);
  }

  AddressBlock object(Block block) {
    return Objects.requireNonNull(objects.get(Block.name(block.prefix())));
  }

  boolean isMine(Block block) {
    return block.node().equals(node);
  }

  /// The addresses this node has one by one in a block.
  List<IpAddress> claims(Block block) {
    List<IpAddress> mine = new ArrayList<>();
    block
        .claims()
        .forEach((address, holder) -> {
          if (holder.equals(node)) {
            mine.add(address);
          }
        });
    return mine;
  }

  /// Where an address of the pool may come from without asking anybody.
  List<Prefix> candidates(Pool pool) {
    List<Prefix> candidates = new ArrayList<>();
    List<Block> blocks = blocks(pool);
    for (Block block : blocks) {
      if (isMine(block)) {
        candidates.add(block.prefix());
      }
    }
    for (Block block : blocks) {
      for (IpAddress address : claims(block)) {
        if (!pool.isReserved(address)) {
          candidates.add(address.toPrefix());
        }
      }
    }
    return candidates;
  }

  /// What the address book is to know: this node's blocks and single addresses.
  ///
  /// @param withdrawn ranges that are about to be given back
  List<AddressRange> ownRanges(Set<Prefix> withdrawn) {
    List<AddressRange> own = new ArrayList<>();
    for (Block block : ranges.blocks().values()) {
      if (isMine(block) && !withdrawn.contains(block.prefix())) {
        List<Prefix> withheld = new ArrayList<>();
        pools.named(block.pool()).ifPresent(p -> withheld.addAll(p.reservedIn(block.prefix())));
        block.claims().keySet().forEach(address -> withheld.add(address.toPrefix()));
        own.add(AddressRange.ofBlock(block.prefix(), block.kept(), withheld));
      }
      for (IpAddress address : claims(block)) {
        if (!withdrawn.contains(address.toPrefix())) {
          own.add(AddressRange.ofSingle(address));
        }
      }
    }
    return own;
  }
}
