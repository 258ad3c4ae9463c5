// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import dev.fairway.store.Operation.Request;
import dev.fairway.store.StoreUnavailable.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one writer. It takes all calls that wait, decides each against the state the calls before it
/// leave, writes them as one SQLite transaction, and only after the fsync makes them visible and
/// lets the callers go. If the disk is full the transaction is taken back, memory too, and the next
/// may succeed; if an fsync fails nobody knows what is on disk, and writing ends for good.
///
/// The queue is bounded by the number of threads that call, for each waits for its one operation.
final class CommitLoop {
  private static final Logger LOG = LoggerFactory.getLogger(CommitLoop.class);
  private static final int MAX_BATCH = 2000;

  /// One write in the open transaction.
  private record Pending(String key, Event event) {}

  private final int historyRevisions;
  private final long historyBytes;
  private final Transformer transformer;
  private final WriteLog log;
  private final Snapshots snapshots;
  private final StaleKeys stale;
  private final ConcurrentLinkedQueue<Operation> queue = new ConcurrentLinkedQueue<>();
  private final Thread thread;
  private final List<Operation> batch = new ArrayList<>();
  private final List<Pending> pending = new ArrayList<>();
  private long nextRevision;
  private long compactTo;
  private @Nullable StoreUnavailable broken;
  private @Nullable WatchDispatcher dispatcher;
  private volatile boolean stopping;
  private volatile boolean stopped;

  CommitLoop(
      WriteLog log,
      int historyRevisions,
      long historyBytes,
      Transformer transformer,
      Snapshots snapshots,
      StaleKeys stale) {
    this.historyRevisions = historyRevisions;
    this.historyBytes = historyBytes;
    this.transformer = transformer;
    this.log = log;
    this.snapshots = snapshots;
    this.stale = stale;
    this.nextRevision = snapshots.visibleRevision() + 1;
    // After a start with a smaller history than before, the first commit trims it.
    this.thread =
        Thread.ofPlatform().name("store-writer-" + log.shortName()).daemon().unstarted(this::run);
  }

  void start(WatchDispatcher dispatcher) {
    this.dispatcher = dispatcher;
    thread.start();
  }

  boolean isStale(String key) {
    return stale.contains(key);
  }

  void checkReadable() {
    if (stopping) {
      throw closed();
    }
  }

  long submit(Request request) {
    if (stopping) {
      throw closed();
    }
    Operation operation = new Operation(request);
    queue.add(operation);
    LockSupport.unpark(thread);
    if (stopped && queue.remove(operation)) {
      throw closed();
    }
    return operation.await();
  }

  /// Finishes what waits; returns when the file is released.
  void stop() {
    stopping = true;
    LockSupport.unpark(thread);
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
    while (true) {
      takeBatch();
      if (!batch.isEmpty()) {
        runBatch();
      } else if (stopping) {
        break;
      } else {
        LockSupport.park(this);
      }
    }
    try {
      log.close();
    } catch (StoreUnavailable e) {
      LOG.warn("closing: {}", e.getMessage());
    }
    stopped = true;
    // A caller that queued between the last look and the flag either takes itself back or is here.
    for (Operation late = queue.poll(); late != null; late = queue.poll()) {
      late.refuse(closed());
      late.complete();
    }
  }

  private void takeBatch() {
    batch.clear();
    while (batch.size() < MAX_BATCH) {
      Operation operation = queue.poll();
      if (operation == null) {
        return;
      }
      batch.add(operation);
    }
  }

  private void runBatch() {
    pending.clear();
    compactTo = snapshots.compactedRevision();
    try {
      if (broken != null) {
        throw broken;
      }
      for (Operation operation : batch) {
        decide(operation);
      }
      compactTo = Math.max(compactTo, snapshots.oldestWithin(historyRevisions, historyBytes));
      long compacting = writeCompaction();
      if (!pending.isEmpty() || compacting > 0) {
        log.commit();
      }
      publish();
    } catch (StoreUnavailable e) {
      takeBack(e);
    } catch (RuntimeException e) {
      // Our own mistake: what memory and disk say may differ now.
      LOG.error("the writer of {} failed", log.subject(), e);
      takeBack(new StoreUnavailable(Reason.BROKEN_DISK, log.subject() + ": internal failure", e));
    }
    for (Operation operation : batch) {
      operation.complete();
    }
  }

  private void decide(Operation operation) {
    switch (operation.request()) {
      case Request.Create(String key, byte[] value) -> {
        Entry actual = snapshots.newest(key);
        if (actual != null) {
          operation.refuse(new KeyExists(actual));
        } else {
          write(operation, new Row(nextRevision, key, nextRevision, value));
        }
      }
      case Request.Update(String key, byte[] value, long expected) -> {
        Entry actual = snapshots.newest(key);
        if (actual == null || actual.modRevision() != expected) {
          operation.refuse(new RevisionMismatch(key, expected, actual));
        } else {
          write(operation, new Row(nextRevision, actual.key(), actual.createRevision(), value));
        }
      }
      case Request.Delete(String key, long expected) -> {
        Entry actual = snapshots.newest(key);
        if (actual == null || actual.modRevision() != expected) {
          operation.refuse(new RevisionMismatch(key, expected, actual));
        } else {
          write(operation, new Row(nextRevision, actual.key(), actual.createRevision(), null));
        }
      }
      case Request.Compact(long revision) -> {
        if (revision > snapshots.visibleRevision()) {
          operation.refuse(new FutureRevision(revision, snapshots.visibleRevision()));
        } else {
          compactTo = Math.max(compactTo, revision);
        }
      }
    }
  }

  private void write(Operation operation, Row row) {
    byte[] value = row.value();
    Entry entry =
        value == null ? null : new Entry(row.key(), value, row.createRevision(), row.revision());
    log.append(value == null ? row : row.withValue(transformer.toStorage(row.key(), value)));
    pending.add(new Pending(row.key(), snapshots.push(row.revision(), row.key(), entry)));
    operation.decide(row.revision());
    nextRevision++;
  }

  /// Deletes the rows that no readable revision needs any more; returns how many revisions go.
  private long writeCompaction() {
    long compacted = snapshots.compactedRevision();
    for (long revision = compacted + 1; revision <= compactTo; revision++) {
      for (Event event : snapshots.history().at(revision)) {
        if (event.before() != null) {
          log.delete(event.before().modRevision());
        }
        if (event.type() == Event.Type.DELETE) {
          log.delete(revision);
        }
      }
    }
    if (compactTo > compacted) {
      log.setCompactedRevision(compactTo);
    }
    return compactTo - compacted;
  }

  /// The batch is on disk: let readers, watchers and callers have it.
  private void publish() {
    for (Pending write : pending) {
      snapshots.history().append(write.event());
      stale.forget(write.key());
    }
    snapshots.publish(nextRevision - 1);
    if (dispatcher != null && !pending.isEmpty()) {
      dispatcher.wake();
    }
    snapshots.compact(compactTo);
  }

  private void takeBack(StoreUnavailable cause) {
    StoreUnavailable told = cause;
    try {
      if (broken == null) {
        log.rollback();
      }
      if (cause.reason() != Reason.DISK_FULL && cause.reason() != Reason.NOT_WRITABLE) {
        breakDown(cause);
      } else {
        LOG.warn("{}", cause.getMessage());
      }
    } catch (StoreUnavailable e) {
      told = e;
      breakDown(e);
    }
    for (Pending write : pending.reversed()) {
      snapshots.pop(write.key());
    }
    nextRevision = snapshots.visibleRevision() + 1;
    for (Operation operation : batch) {
      operation.refuse(
          new StoreUnavailable(told.reason(), String.valueOf(told.getMessage()), told));
    }
  }

  private void breakDown(StoreUnavailable cause) {
    if (broken == null) {
      broken = cause;
      LOG.error("no more writes: {}", cause.getMessage());
    }
  }

  private StoreUnavailable closed() {
    return new StoreUnavailable(Reason.CLOSED, log.subject() + " has been closed", null);
  }
}
