// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import dev.fairway.store.Operation.Request;
import dev.fairway.store.StoreUnavailable.Reason;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The store in this process, on one SQLite file or on nothing.
///
/// Reads come from [Snapshots] and take no lock. Writes go through [CommitLoop], which publishes a
/// revision only after its fsync; so nothing can be seen that a crash could take back.
public final class EmbeddedStore implements Store {
  private final Snapshots snapshots;
  private final CommitLoop commits;
  private final WatchDispatcher dispatcher;

  private EmbeddedStore(Snapshots snapshots, CommitLoop commits, WatchDispatcher dispatcher) {
    this.snapshots = snapshots;
    this.commits = commits;
    this.dispatcher = dispatcher;
  }

  /// Opens the file, or makes it, and loads it.
  ///
  /// @throws StoreUnavailable if the file is in use, cannot be written, is damaged, or holds a
  ///   value that [StoreConfig#transformer] cannot read
  public static EmbeddedStore open(StoreConfig config) {
    return start(
        SqliteLog.open(config.file()),
        config.historyRevisions(),
        config.historyBytes(),
        config.transformer());
  }

  /// A store that writes nothing anywhere and ends with the process, for tests of what stands on
  /// it. All else is as with a file, but that a write is as durable as memory.
  public static EmbeddedStore inMemory() {
    return start(
        new NoLog(), StoreConfig.HISTORY_REVISIONS, StoreConfig.HISTORY_BYTES, Transformer.NONE);
  }

  private static EmbeddedStore start(
      WriteLog log, int historyRevisions, long historyBytes, Transformer transformer) {
    try {
      Snapshots snapshots = new Snapshots(log.compactedRevision());
      StaleKeys stale = new StaleKeys();
      long unreadableUntil = load(log, transformer, snapshots, stale);
      CommitLoop commits =
          new CommitLoop(log, historyRevisions, historyBytes, transformer, snapshots, stale);
      WatchDispatcher dispatcher = new WatchDispatcher(snapshots, "store-watch-" + log.shortName());
      commits.start(dispatcher);
      dispatcher.start();
      if (unreadableUntil > snapshots.compactedRevision()) {
        commits.submit(new Request.Compact(unreadableUntil));
      }
      return new EmbeddedStore(snapshots, commits, dispatcher);
    } catch (RuntimeException e) {
      try {
        log.close();
      } catch (StoreUnavailable suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  /// @return the revision up to which history has values that cannot be read and have been replaced
  ///   since, as by the change of a key that is now gone; 0 if there are none
  private static long load(
      WriteLog log, Transformer transformer, Snapshots snapshots, StaleKeys stale) {
    long compacted = snapshots.compactedRevision();
    long[] newest = {compacted};
    long[] replaced = {0};
    Map<String, GeneralSecurityException> unreadable = new HashMap<>();
    log.replay(row -> {
      Entry before = snapshots.newest(row.key());
      if (unreadable.remove(row.key()) != null) {
        replaced[0] = row.revision();
      }
      Entry entry = entry(transformer, row, before, stale, unreadable);
      if (row.revision() > compacted) {
        if (row.revision() != newest[0] + 1 || (entry == null && before == null)) {
          throw log.corrupt("revision " + row.revision() + " does not follow", null);
        }
        newest[0] = row.revision();
        snapshots.history().append(snapshots.push(row.revision(), row.key(), entry));
      } else if (entry != null) {
        snapshots.load(entry);
      }
    });
    for (GeneralSecurityException e : unreadable.values()) {
      throw new StoreUnavailable(Reason.CORRUPT, log.subject() + ": " + e.getMessage(), e);
    }
    snapshots.publish(newest[0]);
    return replaced[0];
  }

  private static @Nullable Entry entry(
      Transformer transformer,
      Row row,
      @Nullable Entry before,
      StaleKeys stale,
      Map<String, GeneralSecurityException> unreadable) {
    // One string a key, however many versions of it there are.
    String key = before == null ? row.key() : before.key();
    byte[] stored = row.value();
    if (stored == null) {
      stale.forget(key);
      return null;
    }
    Transformer.Plain plain;
    try {
      plain = transformer.fromStorage(key, stored);
    } catch (GeneralSecurityException e) {
      unreadable.put(key, e);
      return new Entry(key, new byte[0], row.createRevision(), row.revision());
    }
    stale.note(key, plain.stale());
    return new Entry(key, plain.value(), row.createRevision(), row.revision());
  }

  @Override
  public long revision() {
    return snapshots.visibleRevision();
  }

  @Override
  public long compactedRevision() {
    return snapshots.compactedRevision();
  }

  @Override
  public @Nullable Entry get(String key) {
    commits.checkReadable();
    return snapshots.get(key);
  }

  @Override
  public boolean isStale(String key) {
    return commits.isStale(key);
  }

  @Override
  public Page list(String prefix, @Nullable String startAfterKey, int limit, long atRevision) {
    commits.checkReadable();
    return snapshots.list(prefix, startAfterKey, limit, atRevision);
  }

  @Override
  public long create(String key, byte[] value) {
    return commits.submit(new Request.Create(Limits.checked(key), Limits.checked(key, value)));
  }

  @Override
  public long update(String key, byte[] value, long expectedModRevision) {
    return commits.submit(
        new Request.Update(Limits.checked(key), Limits.checked(key, value), expectedModRevision));
  }

  @Override
  public long delete(String key, long expectedModRevision) {
    return commits.submit(new Request.Delete(Limits.checked(key), expectedModRevision));
  }

  @Override
  public void compact(long revision) {
    commits.submit(new Request.Compact(revision));
  }

  @Override
  public Watch watch(String prefix, long afterRevision, Listener listener) {
    commits.checkReadable();
    snapshots.requireWatchable(afterRevision);
    return dispatcher.join(prefix, afterRevision, listener);
  }

  @Override
  public void close() {
    try {
      commits.stop();
    } finally {
      dispatcher.stop();
    }
  }
}
