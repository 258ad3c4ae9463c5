// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keys that need work, each at most once, worked off by virtual threads.
///
/// A key added while it is being worked on is worked on again afterwards. A key that fails comes
/// back after 5 ms, doubling to 30 s, until it succeeds. It holds at most one entry a key, so its
/// size is bounded by the number of objects.
public final class WorkQueue<K> implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkQueue.class);
  private static final Duration FIRST_RETRY = Duration.ofMillis(5);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(30);
  private static final Duration WORTH_A_WARNING = Duration.ofMillis(80);

  private final String name;
  private final int workers;
  private final Reconciler<K> reconciler;
  private final ScheduledExecutorService delays;
  private final LinkedHashSet<K> ready = new LinkedHashSet<>();
  private final Set<K> working = new HashSet<>();
  private final Map<K, Duration> retries = new HashMap<>();
  private final Map<K, Planned> planned = new HashMap<>();
  private boolean closed;

  /// @param name for logs and thread names
  /// @param workers how many keys may be worked on at once
  public WorkQueue(String name, int workers, Reconciler<K> reconciler) {
    this.name = name;
    this.workers = workers;
    this.reconciler = reconciler;
    this.delays =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name(name + "-delays").daemon().factory());
  }

  /// Asks for work on a key as soon as a worker is free.
  public synchronized void add(K key) {
    if (!closed && ready.add(key)) {
      startWorker();
    }
  }

  /// Asks for work on a key after a while. A key has one such plan at most, the earliest: work is
  /// level-triggered, so whoever wanted to look later will find out again and ask again.
  public synchronized void addAfter(K key, Duration delay) {
    if (delay.isZero() || delay.isNegative()) {
      add(key);
      return;
    }
    long due = System.nanoTime() + delay.toNanos();
    Planned earlier = planned.get(key);
    if (closed || (earlier != null && earlier.due - due <= 0)) {
      return;
    }
    if (earlier != null) {
      earlier.timer.cancel(false);
    }
    ScheduledFuture<?> timer =
        delays.schedule(() -> addPlanned(key, due), delay.toNanos(), TimeUnit.NANOSECONDS);
    planned.put(key, new Planned(due, timer));
  }

  private synchronized void addPlanned(K key, long due) {
    Planned plan = planned.get(key);
    if (plan != null && plan.due == due) {
      planned.remove(key);
      add(key);
    }
  }

  private record Planned(long due, ScheduledFuture<?> timer) {}

  /// Takes no more work; what is being worked on is finished.
  @Override
  public synchronized void close() {
    closed = true;
    ready.clear();
    planned.clear();
    delays.shutdownNow();
  }

  private void startWorker() {
    if (working.size() >= workers) {
      return;
    }
    for (K key : ready) {
      if (!working.contains(key)) {
        ready.remove(key);
        working.add(key);
        Thread.ofVirtual().name(name).start(() -> work(key));
        return;
      }
    }
  }

  private void work(K key) {
    Duration retry = Duration.ZERO;
    try {
      reconciler.reconcile(key);
      succeeded(key);
    } catch (Exception e) {
      retry = failed(key);
      if (retry.compareTo(WORTH_A_WARNING) >= 0) {
        LOG.warn("{} {}: {}; tried again in {}", name, key, e.toString(), retry);
      } else {
        LOG.debug("{} {}: tried again in {}", name, key, retry, e);
      }
    } finally {
      finished(key, retry);
    }
  }

  private synchronized void succeeded(K key) {
    retries.remove(key);
  }

  private synchronized Duration failed(K key) {
    Duration retry = retries.merge(key, FIRST_RETRY, (last, first) -> last.multipliedBy(2));
    if (retry.compareTo(LONGEST_RETRY) > 0) {
      retry = LONGEST_RETRY;
      retries.put(key, retry);
    }
    return retry;
  }

  private synchronized void finished(K key, Duration retry) {
    working.remove(key);
    if (closed) {
      return;
    }
    if (!retry.isZero()) {
      addAfter(key, retry);
    }
    startWorker();
  }
}
