// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import dev.fairway.store.Operation.Request;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/// The store in this process, on one SQLite file or on nothing.
///
/// Reads come from a sorted map of version chains and take no lock: a reader fixes a revision,
/// walks, and checks afterwards that compaction has not passed it meanwhile. Writes go through
/// [CommitLoop], which publishes a revision only after its fsync; so nothing can be seen that a
/// crash could take back.
public final class EmbeddedStore implements Store {
  static final int MAX_KEY_CHARS = 2048;
  static final int MAX_VALUE_BYTES = 8 << 20;

  private final ConcurrentSkipListMap<String, Versions> keys;
  private final CommitLoop commits;
  private final WatchDispatcher dispatcher;

  private EmbeddedStore(
      ConcurrentSkipListMap<String, Versions> keys,
      CommitLoop commits,
      WatchDispatcher dispatcher) {
    this.keys = keys;
    this.commits = commits;
    this.dispatcher = dispatcher;
  }

  /// Opens the file, or makes it, and loads it.
  ///
  /// @throws StoreUnavailable if the file is in use, cannot be written or is damaged
  public static EmbeddedStore open(StoreConfig config) {
    return start(SqliteLog.open(config.file()), config.historyRevisions(), config.historyBytes());
  }

  /// A store that writes nothing anywhere and ends with the process, for tests of what stands on
  /// it. All else is as with a file, but that a write is as durable as memory.
  public static EmbeddedStore inMemory() {
    return start(new NoLog(), StoreConfig.HISTORY_REVISIONS, StoreConfig.HISTORY_BYTES);
  }

  private static EmbeddedStore start(WriteLog log, int historyRevisions, long historyBytes) {
    try {
      ConcurrentSkipListMap<String, Versions> keys =
          new ConcurrentSkipListMap<>(Comparator.naturalOrder());
      long compacted = log.compactedRevision();
      History history = new History(compacted);
      long revision = load(log, keys, history, compacted);
      CommitLoop commits =
          new CommitLoop(log, historyRevisions, historyBytes, keys, history, compacted, revision);
      WatchDispatcher dispatcher =
          new WatchDispatcher(
              history, revision, commits::visibleRevision, "store-watch-" + log.shortName());
      commits.start(dispatcher);
      dispatcher.start();
      return new EmbeddedStore(keys, commits, dispatcher);
    } catch (RuntimeException e) {
      try {
        log.close();
      } catch (StoreUnavailable suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private static long load(
      WriteLog log, Map<String, Versions> keys, History history, long compacted) {
    long[] newest = {compacted};
    log.replay(row -> {
      Versions versions = keys.computeIfAbsent(row.key(), _ -> new Versions());
      Entry before = versions.newestEntry();
      Entry entry = entry(row, before);
      if (row.revision() > compacted) {
        if (row.revision() != newest[0] + 1 || (entry == null && before == null)) {
          throw log.corrupt("revision " + row.revision() + " does not follow", null);
        }
        newest[0] = row.revision();
        history.append(event(row.revision(), entry, before));
      }
      versions.push(row.revision(), entry);
    });
    return newest[0];
  }

  private static @Nullable Entry entry(Row row, @Nullable Entry before) {
    byte[] value = row.value();
    if (value == null) {
      return null;
    }
    // One string a key, however many versions of it there are.
    String key = before == null ? row.key() : before.key();
    return new Entry(key, value, row.createRevision(), row.revision());
  }

  static Event event(long revision, @Nullable Entry entry, @Nullable Entry before) {
    if (entry != null) {
      return new Event(Event.Type.PUT, entry, before, revision);
    }
    if (before == null) {
      throw new IllegalStateException("revision " + revision + " removes what is not there");
    }
    Entry removed = new Entry(before.key(), before.value(), before.createRevision(), revision);
    return new Event(Event.Type.DELETE, removed, before, revision);
  }

  @Override
  public long revision() {
    return commits.visibleRevision();
  }

  @Override
  public long compactedRevision() {
    return commits.compactedRevision();
  }

  @Override
  public @Nullable Entry get(String key) {
    while (true) {
      commits.checkReadable();
      long revision = commits.visibleRevision();
      Versions versions = keys.get(key);
      Entry entry = versions == null ? null : versions.at(revision);
      if (revision >= commits.compactedRevision()) {
        return entry;
      }
    }
  }

  @Override
  public Page list(String prefix, @Nullable String startAfterKey, int limit, long atRevision) {
    if (limit < 0 || atRevision < 0) {
      throw new IllegalArgumentException("limit and revision of a list are not negative");
    }
    while (true) {
      commits.checkReadable();
      long visible = commits.visibleRevision();
      long revision = atRevision == 0 ? visible : atRevision;
      if (revision > visible) {
        throw new FutureRevision(revision, visible);
      }
      Page page = read(prefix, startAfterKey, limit, revision);
      long compacted = commits.compactedRevision();
      if (revision >= compacted) {
        return page;
      }
      if (atRevision != 0) {
        throw new Compacted(atRevision, compacted);
      }
    }
  }

  private Page read(String prefix, @Nullable String startAfterKey, int limit, long revision) {
    boolean resumes = startAfterKey != null && startAfterKey.compareTo(prefix) >= 0;
    Map<String, Versions> tail =
        resumes ? keys.tailMap(startAfterKey, false) : keys.tailMap(prefix, true);
    List<Entry> entries = new ArrayList<>();
    for (Map.Entry<String, Versions> candidate : tail.entrySet()) {
      if (!candidate.getKey().startsWith(prefix)) {
        break;
      }
      Entry entry = candidate.getValue().at(revision);
      if (entry == null) {
        continue;
      }
      if (limit > 0 && entries.size() == limit) {
        return new Page(entries, revision, true);
      }
      entries.add(entry);
    }
    return new Page(entries, revision, false);
  }

  @Override
  public long create(String key, byte[] value) {
    return commits.submit(new Request.Create(checked(key), checked(key, value)));
  }

  @Override
  public long update(String key, byte[] value, long expectedModRevision) {
    return commits.submit(
        new Request.Update(checked(key), checked(key, value), expectedModRevision));
  }

  @Override
  public long delete(String key, long expectedModRevision) {
    return commits.submit(new Request.Delete(checked(key), expectedModRevision));
  }

  @Override
  public void compact(long revision) {
    commits.submit(new Request.Compact(revision));
  }

  @Override
  public Watch watch(String prefix, long afterRevision, Listener listener) {
    commits.checkReadable();
    long visible = commits.visibleRevision();
    if (afterRevision > visible) {
      throw new FutureRevision(afterRevision, visible);
    }
    long compacted = commits.compactedRevision();
    if (afterRevision < compacted) {
      throw new Compacted(afterRevision, compacted);
    }
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

  private static String checked(String key) {
    if (key.isEmpty() || key.length() > MAX_KEY_CHARS || key.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "a key has 1 to " + MAX_KEY_CHARS + " characters and no NUL, not \"" + key + "\"");
    }
    return key;
  }

  private static byte[] checked(String key, byte[] value) {
    if (value.length > MAX_VALUE_BYTES) {
      throw new IllegalArgumentException(
          key + " has " + value.length + " bytes, at most " + MAX_VALUE_BYTES + " are stored");
    }
    return value;
  }
}
