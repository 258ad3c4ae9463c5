// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.AddressBook;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Keeps the [PoolView], and the address book in step with it. Safe for use by many threads; the
/// lock is never held while anybody else's code runs.
final class PoolState {
  private final AddressBook book;
  private final BlockStore store;
  private final Runnable changed;
  private final Set<Prefix> withdrawn = new HashSet<>();
  private Collection<AddressPool> pools = List.of();
  private Collection<AddressBlock> blocks = List.of();
  private Map<Prefix, String> taken = Map.of();
  private volatile PoolView view;

  /// @param changed called after ranges of nodes have changed
  PoolState(String node, AddressBook book, BlockStore store, Runnable changed) {
    this.book = book;
    this.store = store;
    this.changed = changed;
    this.view = PoolView.empty(node);
  }

  PoolView view() {
    return view;
  }

  void followed(Collection<AddressPool> allPools, Collection<AddressBlock> allBlocks) {
    synchronized (this) {
      pools = allPools;
      blocks = allBlocks;
    }
    refresh();
  }

  /// What the Node objects say; whoever tells it looks at the ranges afterwards by itself.
  synchronized void nodes(Map<String, List<Prefix>> nodeRanges, Map<String, String> labels) {
    if (!view.nodeRanges().equals(nodeRanges) || !view.labels().equals(labels)) {
      view =
          new PoolView(
              view.node(), labels, nodeRanges, view.pools(), view.ranges(), view.objects());
      compute();
    }
  }

  /// What no pool may have in it, with a name for people; whoever tells it looks at the ranges
  /// afterwards by itself.
  synchronized void taken(Map<Prefix, String> all) {
    if (!taken.equals(all)) {
      taken = Map.copyOf(all);
      compute();
    }
  }

  /// Looks again at all there is to know, and tells if ranges are others than before.
  void refresh() {
    boolean told;
    synchronized (this) {
      BlockRanges before = view.ranges();
      List<String> problems = view.pools().problems();
      compute();
      told = !before.equals(view.ranges()) || !problems.equals(view.pools().problems());
    }
    if (told) {
      changed.run();
    }
  }

  private void compute() {
    Map<String, AddressBlock> objects = store.merged(blocks);
    if (pools.isEmpty() && objects.isEmpty() && view.objects().isEmpty()) {
      view =
          new PoolView(
              view.node(),
              view.labels(),
              view.nodeRanges(),
              PoolTable.NONE,
              BlockRanges.NONE,
              objects);
      return;
    }
    view =
        new PoolView(
            view.node(),
            view.labels(),
            view.nodeRanges(),
            PoolTable.of(pools, view.nodeRanges(), taken),
            BlockRanges.of(objects.values()),
            objects);
    book.blocks(view.ownRanges(withdrawn));
  }

  /// Takes a range out of the book, so that nobody is given an address of it from now on.
  ///
  /// @return whether nobody has one; if somebody has, nothing is changed
  synchronized boolean withdraw(Prefix range) {
    withdrawn.add(range);
    book.blocks(view.ownRanges(withdrawn));
    if (book.isIdle(range)) {
      return true;
    }
    restore(range);
    return false;
  }

  synchronized void restore(Prefix range) {
    withdrawn.remove(range);
    book.blocks(view.ownRanges(withdrawn));
  }
}
