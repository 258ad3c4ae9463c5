// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Brings events to watches, on one thread, so that order, "no gap" and "no repeat" need no proof
/// beyond this loop. There is no queue a watch: the thread reads history from its own position, and
/// a new watch is first brought up to that position. Should it fall so far behind that history is
/// gone, all watches end with [Compacted] and their owners list anew.
final class WatchDispatcher {
  private static final Logger LOG = LoggerFactory.getLogger(WatchDispatcher.class);
  private static final int CHUNK = 1000;

  private final Snapshots snapshots;
  private final ConcurrentLinkedQueue<ActiveWatch> joining = new ConcurrentLinkedQueue<>();
  private final Map<String, List<ActiveWatch>> watches = new HashMap<>();
  private final Thread thread;
  private volatile long position;
  private volatile boolean leaving;
  private volatile boolean stopping;

  WatchDispatcher(Snapshots snapshots, String name) {
    this.snapshots = snapshots;
    this.position = snapshots.visibleRevision();
    this.thread = Thread.ofPlatform().name(name).daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  void wake() {
    LockSupport.unpark(thread);
  }

  Watch join(String prefix, long afterRevision, Listener listener) {
    ActiveWatch watch = new ActiveWatch(prefix, afterRevision, listener);
    joining.add(watch);
    wake();
    return watch;
  }

  /// Ends all watches; returns when no listener is being called any more.
  void stop() {
    stopping = true;
    wake();
    if (Thread.currentThread() == thread) {
      return;
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    while (!stopping) {
      boolean worked = advance();
      if (leaving) {
        leaving = false;
        forgetClosed();
      }
      for (ActiveWatch watch = joining.poll(); watch != null; watch = joining.poll()) {
        admit(watch);
        worked = true;
      }
      if (!worked && joining.isEmpty() && snapshots.visibleRevision() == position && !stopping) {
        LockSupport.park(this);
      }
    }
    for (ActiveWatch watch : all()) {
      watch.end(null);
    }
    for (ActiveWatch watch = joining.poll(); watch != null; watch = joining.poll()) {
      watch.end(null);
    }
  }

  private boolean advance() {
    long target = snapshots.visibleRevision();
    long from = position;
    if (target == from) {
      return false;
    }
    int revisions = (int) Math.min(CHUNK, target - from);
    List<Event> events = snapshots.history().after(from, revisions);
    if (events == null) {
      Compacted cause = new Compacted(from, target);
      if (!watches.isEmpty()) {
        LOG.warn("all watches end: they fell behind history at revision {}", from);
      }
      for (ActiveWatch watch : all()) {
        watch.end(cause);
      }
      watches.clear();
      position = target;
      return true;
    }
    for (Map.Entry<String, List<ActiveWatch>> group : watches.entrySet()) {
      List<Event> matching = matching(events, group.getKey());
      if (!matching.isEmpty()) {
        for (ActiveWatch watch : group.getValue()) {
          watch.deliver(matching);
        }
      }
    }
    position = from + revisions;
    return true;
  }

  /// Replays history up to the common position, from where on the watch takes part in it.
  private void admit(ActiveWatch watch) {
    long from = watch.startRevision;
    // A start beyond the position: the events before it are not the watch's. This may go further
    // than there; what was passed is then replayed.
    while (position < from) {
      advance();
    }
    while (from < position && !watch.closed) {
      int revisions = (int) Math.min(CHUNK, position - from);
      List<Event> events = snapshots.history().after(from, revisions);
      if (events == null) {
        watch.end(new Compacted(from, position));
        return;
      }
      List<Event> matching = matching(events, watch.prefix);
      if (!matching.isEmpty()) {
        watch.deliver(matching);
      }
      from += revisions;
    }
    if (!watch.closed) {
      watches.computeIfAbsent(watch.prefix, _ -> new ArrayList<>()).add(watch);
      watch.joined = true;
    }
  }

  private static List<Event> matching(List<Event> events, String prefix) {
    List<Event> matching = new ArrayList<>(events.size());
    for (Event event : events) {
      if (event.entry().key().startsWith(prefix)) {
        matching.add(event);
      }
    }
    return List.copyOf(matching);
  }

  private List<ActiveWatch> all() {
    List<ActiveWatch> all = new ArrayList<>();
    watches.values().forEach(all::addAll);
    return all;
  }

  private void forgetClosed() {
    watches.values().removeIf(group -> group.removeIf(watch -> watch.closed) && group.isEmpty());
  }

  private final class ActiveWatch implements Watch {
    private final String prefix;
    private final long startRevision;
    private final Listener listener;
    private volatile boolean joined;
    private volatile boolean closed;

    ActiveWatch(String prefix, long startRevision, Listener listener) {
      this.prefix = prefix;
      this.startRevision = startRevision;
      this.listener = listener;
    }

    @Override
    public long deliveredRevision() {
      return joined ? Math.max(position, startRevision) : startRevision;
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        leaving = true;
        wake();
      }
    }

    void deliver(List<Event> events) {
      if (closed) {
        return;
      }
      try {
        listener.events(events);
      } catch (RuntimeException | Error e) {
        // What it was told is lost to it, as if history did not reach back: it must list anew.
        LOG.error("watch of {} ends: its listener failed", prefix, e);
        end(new Compacted(startRevision, position));
      }
    }

    void end(@Nullable StoreException cause) {
      if (closed) {
        return;
      }
      closed = true;
      leaving = true;
      try {
        listener.ended(cause);
      } catch (RuntimeException | Error e) {
        LOG.error("the listener of the watch of {} failed at its end", prefix, e);
      }
    }
  }
}
