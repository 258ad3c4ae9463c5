// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.podnet.ipam.NoAddress.Reason;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gets this node more addresses through the API server. Not for use by two threads at once.
final class BlockClaims {
  private static final Logger LOG = LoggerFactory.getLogger(BlockClaims.class);

  /// How often a write that lost to another node's is tried with another choice.
  private static final int MOST_TRIES = 64;

  private final PoolState state;
  private final BlockStore store;

  BlockClaims(PoolState state, BlockStore store) {
    this.state = state;
    this.store = store;
  }

  /// Makes some more addresses of these pools this node's: more of a block it has, a new block,
  /// else one borrowed address.
  ///
  /// @return false if there is nothing left
  boolean grow(List<Pool> pools) throws NoAddress {
    for (Pool pool : pools) {
      if (keepMore(pool) || claimBlock(pool)) {
        return true;
      }
    }
    for (Pool pool : pools) {
      if (pool.lends() && borrow(pool)) {
        return true;
      }
    }
    return false;
  }

  private boolean keepMore(Pool pool) throws NoAddress {
    PoolView view = state.view();
    for (Block block : view.blocks(pool)) {
      int size = (int) block.prefix().size();
      if (view.isMine(block) && block.kept() < size) {
        int kept = Math.min(size, block.kept() + BlockChoice.KEPT_STEP);
        store.update(view.object(block), block.keeping(kept));
        state.refresh();
        return true; // or another was first: what there is now is looked at anew
      }
    }
    return false;
  }

  /// Claims any block of the pool.
  ///
  /// @return false if every block is another's
  boolean claimBlock(Pool pool) throws NoAddress {
    Set<Prefix> refused = new HashSet<>();
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      PoolView view = state.view();
      Optional<Block> orphan =
          view.blocks(pool).stream()
              .filter(b -> b.isFree() && !refused.contains(b.prefix()))
              .findFirst();
      if (orphan.isPresent()) {
        refused.add(orphan.get().prefix());
        if (take(view, pool, orphan.get())) {
          return true;
        }
        continue;
      }
      Optional<Prefix> free =
          BlockChoice.unclaimed(pool, view.ranges().blocks(), refused, view.node());
      if (free.isEmpty()) {
        return false;
      }
      if (create(view, pool, free.get())) {
        return true;
      }
      refused.add(free.get());
    }
    throw new NoAddress(
        Reason.UNREACHABLE, "too many nodes claim blocks of pool " + pool.name() + " at once");
  }

  private boolean create(PoolView view, Pool pool, Prefix prefix) throws NoAddress {
    Block block = new Block(prefix, pool.name(), view.node(), pool.keptAtFirst(), Map.of());
    boolean mine = store.create(block);
    if (mine) {
      LOG.info("Block {} of pool {} is this node's", prefix, pool.name());
    }
    state.refresh();
    return mine;
  }

  private boolean take(PoolView view, Pool pool, Block orphan) throws NoAddress {
    boolean mine =
        store.update(view.object(orphan), orphan.ownedBy(view.node(), pool.keptAtFirst()));
    state.refresh();
    return mine;
  }

  private boolean borrow(Pool pool) throws NoAddress {
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      PoolView view = state.view();
      boolean found = false;
      for (Block block : view.blocks(pool)) {
        Optional<IpAddress> address =
            view.isMine(block) ? Optional.empty() : BlockChoice.lendable(pool, block);
        if (address.isPresent()) {
          found = true;
          boolean mine =
              store.update(view.object(block), block.claimed(address.get(), view.node()));
          state.refresh();
          if (mine) {
            LOG.info("{} of pool {} is borrowed from {}", address.get(), pool.name(), block.node());
            return true;
          }
          break;
        }
      }
      if (!found) {
        return false;
      }
    }
    return false;
  }

  /// Makes sure that this node may give one certain address to a pod that asks for it.
  ///
  /// @throws NoAddress if it is another's or not for this pod
  void hold(IpAddress address, PodWish pod) throws NoAddress {
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      PoolView view = state.view();
      Pool pool =
          view.pools()
              .holding(address)
              .orElseThrow(() -> notAllowed(address + " is in no usable AddressPool"));
      PoolTable.allow(pool, pod, view.labels(), PodWish.ADDRESSES);
      Prefix range = pool.blockOf(address);
      if (address.equals(range.address())) {
        throw notAllowed(address + " is the first of its block, which belongs to a node's tunnel");
      }
      Optional<Block> known = view.blockAt(address, range);
      if (known.isEmpty()) {
        create(view, pool, range);
        continue;
      }
      Block block = known.get();
      if (!block.prefix().contains(address) || address.equals(block.prefix().address())) {
        throw notAllowed(
            address
                + " is not in AddressBlock "
                + Block.name(block.prefix())
                + ", but so near that no other block can hold it: spec.blockSize of AddressPool "
                + pool.name()
                + " was changed");
      }
      if (isHeld(address, pool, block, view)) {
        return;
      }
      store.update(view.object(block), block.claimed(address, view.node()));
      state.refresh();
    }
    throw new NoAddress(Reason.UNREACHABLE, "others claim addresses around " + address);
  }

  /// Whether nothing has to be written; false if the address has to be claimed first.
  private static boolean isHeld(IpAddress address, Pool pool, Block block, PoolView view)
      throws NoAddress {
    String holder = block.claims().get(address);
    if (holder != null) {
      if (!holder.equals(view.node())) {
        throw new NoAddress(
            Reason.IN_USE, PodWish.ADDRESSES + ": " + address + " is in use on node " + holder);
      }
      return true;
    }
    boolean kept = block.keeps(address) && !pool.isReserved(address) && !block.isFree();
    if (kept && !view.isMine(block)) {
      throw notAllowed(
          address
              + " is in the block of node "
              + block.node()
              + ": put it into spec.reserved of AddressPool "
              + pool.name()
              + " to have it on any node");
    }
    return kept;
  }

  private static NoAddress notAllowed(String message) {
    return new NoAddress(Reason.NOT_ALLOWED, PodWish.ADDRESSES + ": " + message);
  }
}
