// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;

/// Which block a node should claim next, and which address it should borrow. Pure.
///
/// Every node looks through a pool from a place of its own that follows from its name, so a hundred
/// nodes that start at once do not all reach for the same block.
final class BlockChoice {
  /// A node of a pool that lends gets addresses of its blocks in such steps; what is beyond may be
  /// borrowed.
  static final int KEPT_STEP = 16;

  /// Blocks beyond are not looked at: no cluster has so many nodes.
  private static final long MOST_BLOCKS = 1L << 32;

  /// How far a search goes before it gives up.
  private static final int MOST_STEPS = 1 << 17;

  private BlockChoice() {}

  /// A block of the pool that nobody has.
  ///
  /// @param taken blocks that exist, by their ranges
  /// @param refused further ones that turned out to be another's
  static Optional<Prefix> unclaimed(
      Pool pool, NavigableMap<Prefix, Block> taken, Set<Prefix> refused, String node) {
    Prefix first = firstUnreserved(pool);
    int hostBits = first.family().addressBits() - pool.blockLength();
    int indexBits = pool.blockLength() - pool.cidr().length();
    long count = MOST_BLOCKS;
    if (indexBits < 32) {
      count = (1L << indexBits) - (first.address().minus(pool.cidr().address()) >>> hostBits);
    }
    long start = count <= 0 ? 0 : Math.floorMod(spread(node), count);
    long step = 0;
    for (int steps = 0; step < count && steps < MOST_STEPS; steps++) {
      IpAddress address = first.address().plus((start + step) % count << hostBits);
      Prefix block = new Prefix(address, pool.blockLength());
      Optional<Prefix> swallows = reservedWhole(pool, block);
      if (swallows.isPresent()) {
        step += Math.max(1, blocksUntilEnd(swallows.get(), block));
      } else if (!pool.cidr().contains(block)
          || refused.contains(block)
          || overlaps(taken, block)) {
        step++;
      } else {
        return Optional.of(block);
      }
    }
    return Optional.empty();
  }

  /// The first block of the pool that is not reserved as a whole; one outside it if all are.
  private static Prefix firstUnreserved(Pool pool) {
    Prefix block = new Prefix(pool.cidr().address(), pool.blockLength());
    while (pool.cidr().contains(block)) {
      Optional<Prefix> swallows = reservedWhole(pool, block);
      if (swallows.isEmpty()) {
        return block;
      }
      block = new Prefix(swallows.get().last().plus(1), pool.blockLength());
    }
    return block;
  }

  /// A multiplication by an odd number with well-mixed bits, so that similar names lie far apart.
  private static long spread(String node) {
    return (node.hashCode() * 0x9e37_79b9_7f4a_7c15L) >>> 20;
  }

  private static Optional<Prefix> reservedWhole(Pool pool, Prefix block) {
    return pool.reserved().stream().filter(range -> range.contains(block)).findFirst();
  }

  /// How many blocks it is from this one to the first after a reserved range.
  private static long blocksUntilEnd(Prefix range, Prefix block) {
    int blockBits = block.length() - range.length();
    if (blockBits >= 32) {
      return MOST_BLOCKS;
    }
    int shift = block.family().addressBits() - block.length();
    return (range.last().minus(block.address()) >>> shift) + 1;
  }

  private static boolean overlaps(NavigableMap<Prefix, Block> taken, Prefix block) {
    Prefix below = taken.floorKey(new Prefix(block.last(), block.family().addressBits()));
    return below != null && below.overlaps(block);
  }

  /// An address of another node's block that is not its node's yet, from the end, as nodes fill
  /// their blocks from the front.
  static Optional<IpAddress> lendable(Pool pool, Block block) {
    for (long index = block.prefix().size() - 1; index >= Math.max(1, block.kept()); index--) {
      IpAddress address = block.prefix().at(index);
      if (!block.claims().containsKey(address) && !pool.isReserved(address)) {
        return Optional.of(address);
      }
    }
    return Optional.empty();
  }
}
