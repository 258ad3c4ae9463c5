// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.Allocation;
import dev.fairway.podnet.ipam.NoAddress;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gives back what is not needed any more: single addresses without a pod, blocks that have been
/// empty for a while, all that belongs to nodes that are gone. Level-triggered: each turn looks at
/// everything. Not for use by two threads at once, nor beside [BlockClaims].
final class BlockUpkeep {
  private static final Logger LOG = LoggerFactory.getLogger(BlockUpkeep.class);
  private static final int MOST_RANKS = 30;

  private final KubernetesClient client;
  private final PoolState state;
  private final BlockStore store;
  private final BlockClaims claims;
  private final AddressBook book;
  private final Patience patience;
  private final Map<Prefix, Long> emptySince = new HashMap<>();
  private final Map<String, Long> goneSince = new HashMap<>();

  BlockUpkeep(
      KubernetesClient client,
      PoolState state,
      BlockStore store,
      BlockClaims claims,
      AddressBook book,
      Patience patience) {
    this.client = client;
    this.state = state;
    this.store = store;
    this.claims = claims;
    this.book = book;
    this.patience = patience;
  }

  /// One turn.
  ///
  /// @return what is wrong with pods' addresses on this node
  List<String> turn() throws NoAddress {
    state.refresh();
    releaseClaims();
    releaseEmptyBlocks();
    giveBackGone();
    claimFirstBlock();
    return reclaimLost();
  }

  private void releaseClaims() throws NoAddress {
    PoolView view = state.view();
    for (Block block : view.ranges().blocks().values()) {
      for (IpAddress address : view.claims(block)) {
        if (state.withdraw(address.toPrefix())) {
          try {
            Block now = state.view().block(block.prefix()).orElse(block);
            Block without = now.unclaimed(address);
            if (without.isFree() && without.claims().isEmpty()) {
              store.delete(state.view().object(now));
            } else {
              store.update(state.view().object(now), without);
            }
          } finally {
            state.refresh();
            state.restore(address.toPrefix());
          }
        }
      }
    }
  }

  private void releaseEmptyBlocks() throws NoAddress {
    PoolView view = state.view();
    long now = System.nanoTime();
    Set<Prefix> mine = new HashSet<>(view.ranges().blocks(view.node()));
    emptySince.keySet().retainAll(mine);
    Map<String, Integer> left = new HashMap<>();
    for (Prefix range : mine) {
      left.merge(view.block(range).orElseThrow().pool(), 1, Integer::sum);
    }
    for (Prefix range : new TreeSet<>(mine)) {
      Block block = view.block(range).orElseThrow();
      if (!book.isIdle(range)) {
        emptySince.remove(range);
        continue;
      }
      long since = emptySince.computeIfAbsent(range, any -> now);
      boolean spare = !isUsed(view, block) || left.getOrDefault(block.pool(), 0) > 1;
      if (spare && now - since >= patience.idleBlock().toNanos() && release(view, block)) {
        left.merge(block.pool(), -1, Integer::sum);
      }
    }
  }

  /// Whether pods of this node may still get an address of the block's pool.
  private static boolean isUsed(PoolView view, Block block) {
    return view.pools()
        .named(block.pool())
        .map(pool ->
            !pool.disabled()
                && pool.cidr().contains(block.prefix())
                && pool.nodes().matches(view.labels()))
        .orElse(false);
  }

  private boolean release(PoolView view, Block block) throws NoAddress {
    if (!state.withdraw(block.prefix())) {
      return false;
    }
    try {
      boolean done =
          block.claims().isEmpty()
              ? store.delete(view.object(block))
              : store.update(view.object(block), block.ownedBy("", 0));
      LOG.info("Block {} is empty; given back: {}", block.prefix(), done);
      return done;
    } finally {
      state.refresh();
      state.restore(block.prefix());
    }
  }

  private void giveBackGone() throws NoAddress {
    PoolView view = state.view();
    Set<String> living = view.nodeRanges().keySet();
    if (!living.contains(view.node())) {
      return; // the Node objects are not known yet
    }
    Set<String> gone = new TreeSet<>();
    for (Block block : view.ranges().blocks().values()) {
      gone.add(block.node());
      gone.addAll(block.claims().values());
    }
    gone.removeAll(living);
    gone.remove("");
    goneSince.keySet().retainAll(gone);
    int rank = Math.min(MOST_RANKS, new TreeSet<>(living).headSet(view.node()).size());
    long wait = patience.goneNode().plus(patience.turn().multipliedBy(rank)).toNanos();
    long now = System.nanoTime();
    for (String node : gone) {
      long since = goneSince.computeIfAbsent(node, any -> now);
      if (now - since >= wait && isGone(node)) {
        giveBack(node);
      }
    }
  }

  private boolean isGone(String node) throws NoAddress {
    return ApiCall.ask(
            "look for node " + node, () -> Optional.ofNullable(client.nodes().withName(node).get()))
        .isEmpty();
  }

  private void giveBack(String node) throws NoAddress {
    PoolView view = state.view();
    int given = 0;
    for (Block block : view.ranges().blocks().values()) {
      Block without = block;
      for (Map.Entry<IpAddress, String> claim : block.claims().entrySet()) {
        without = claim.getValue().equals(node) ? without.unclaimed(claim.getKey()) : without;
      }
      without = block.node().equals(node) ? without.ownedBy("", 0) : without;
      if (without.equals(block)) {
        continue;
      }
      boolean done =
          (without.isFree() && without.claims().isEmpty())
              ? store.delete(view.object(block))
              : store.update(view.object(block), without);
      given += done ? 1 : 0;
    }
    state.refresh();
    LOG.info("Node {} is gone; {} of its blocks are given back", node, given);
  }

  /// A node without a range of its own is not ready until it has a block.
  private void claimFirstBlock() throws NoAddress {
    PoolView view = state.view();
    List<Prefix> own = view.nodeRanges().get(view.node());
    if (own == null || !own.isEmpty() || !view.ranges().blocks(view.node()).isEmpty()) {
      return;
    }
    PodWish anyPod = new PodWish(List.of(), List.of(), Map.of());
    for (IpFamily family : IpFamily.values()) {
      for (Pool pool : view.pools().choose(anyPod, family, view.labels())) {
        if (claims.claimBlock(pool)) {
          break;
        }
      }
    }
  }

  /// A block whose pods live on although its object went: when a Node object was deleted and made
  /// again, for instance.
  private List<String> reclaimLost() throws NoAddress {
    List<String> problems = new ArrayList<>();
    for (Allocation allocation : book.allocations()) {
      for (IpAddress address : allocation.addresses()) {
        PoolView view = state.view();
        Optional<Pool> pool = view.pools().holding(address);
        if (pool.isPresent() && !reclaim(view, pool.get(), address)) {
          problems.add(
              "pod "
                  + allocation.owner().pod()
                  + " has "
                  + address
                  + ", but that is of "
                  + holder(state.view(), pool.get(), address)
                  + ": delete the pod");
        }
      }
    }
    return problems;
  }

  /// @return whether the address is this node's
  private boolean reclaim(PoolView view, Pool pool, IpAddress address) throws NoAddress {
    Prefix range = pool.blockOf(address);
    Optional<Block> known = view.blockAt(address, range);
    if (known.isEmpty()) {
      int kept = keptFor(range, Map.of(), pool.keptAtFirst());
      store.create(new Block(range, pool.name(), view.node(), kept, Map.of()));
      state.refresh();
      return true; // or another was first: the next turn tells
    }
    Block block = known.get();
    if (!block.prefix().contains(address)) {
      return false;
    }
    String claimedBy = block.claims().getOrDefault(address, "");
    if (!claimedBy.isEmpty()) {
      return claimedBy.equals(view.node());
    }
    if (!block.isFree() && !view.isMine(block)) {
      return false;
    }
    int before = block.isFree() ? pool.keptAtFirst() : block.kept();
    int kept = keptFor(block.prefix(), block.claims(), before);
    if (block.isFree() || kept > block.kept()) {
      store.update(view.object(block), block.ownedBy(view.node(), kept));
      state.refresh();
    }
    return true;
  }

  /// So much that no other node borrows what a pod here has.
  private int keptFor(Prefix range, Map<IpAddress, String> claims, int atLeast) {
    int kept = (int) Math.min(atLeast, range.size());
    for (Allocation allocation : book.allocations()) {
      for (IpAddress address : allocation.addresses()) {
        if (range.contains(address) && !claims.containsKey(address)) {
          kept = (int) Math.max(kept, address.minus(range.address()) + 1);
        }
      }
    }
    return kept;
  }

  private static String holder(PoolView view, Pool pool, IpAddress address) {
    return view.blockAt(address, pool.blockOf(address))
        .map(block -> {
          String claimedBy = block.claims().get(address);
          return claimedBy != null
              ? "node " + claimedBy
              : "AddressBlock " + Block.name(block.prefix()) + " of node " + block.node();
        })
        .orElse("no block");
  }
}
