// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/// The state at every revision that is still readable: what both engines read from.
///
/// One thread at a time changes it. Readers take no lock: they fix a revision, walk the version
/// chains, and look afterwards whether compaction has passed it meanwhile.
final class Snapshots {
  private final ConcurrentSkipListMap<String, Versions> keys =
      new ConcurrentSkipListMap<>(Comparator.naturalOrder());
  private final History history;
  private volatile long visible;
  private volatile long compacted;

  /// Begins empty, with this as the newest and the oldest revision.
  Snapshots(long revision) {
    history = new History(revision);
    visible = revision;
    compacted = revision;
  }

  History history() {
    return history;
  }

  long visibleRevision() {
    return visible;
  }

  long compactedRevision() {
    return compacted;
  }

  @Nullable Entry get(String key) {
    while (true) {
      long revision = visible;
      Versions versions = keys.get(key);
      Entry entry = versions == null ? null : versions.at(revision);
      if (revision >= compacted) {
        return entry;
      }
    }
  }

  /// As [Store#list].
  Page list(String prefix, @Nullable String startAfterKey, int limit, long atRevision) {
    if (limit < 0 || atRevision < 0) {
      throw new IllegalArgumentException("limit and revision of a list are not negative");
    }
    while (true) {
      long newest = visible;
      long revision = atRevision == 0 ? newest : atRevision;
      if (revision > newest) {
        throw new FutureRevision(revision, newest);
      }
      Page page = read(prefix, startAfterKey, limit, revision);
      long oldest = compacted;
      if (revision >= oldest) {
        return page;
      }
      if (atRevision != 0) {
        throw new Compacted(atRevision, oldest);
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

  void requireWatchable(long afterRevision) {
    long newest = visible;
    if (afterRevision > newest) {
      throw new FutureRevision(afterRevision, newest);
    }
    long oldest = compacted;
    if (afterRevision < oldest) {
      throw new Compacted(afterRevision, oldest);
    }
  }

  /// The newest state, even one that is not visible yet: for the writer.
  @Nullable Entry newest(String key) {
    Versions versions = keys.get(key);
    return versions == null ? null : versions.newestEntry();
  }

  /// Puts a new state, or null for none, in front of a key's versions; seen once [#publish] says
  /// so. Returns what happened.
  ///
  /// @throws IllegalStateException if a key is removed that is not there
  Event push(long revision, String key, @Nullable Entry entry) {
    Versions versions = keys.computeIfAbsent(key, _ -> new Versions());
    Entry before = versions.newestEntry();
    if (entry == null && before == null) {
      throw new IllegalStateException("revision " + revision + " removes what is not there");
    }
    versions.push(revision, entry);
    if (entry != null) {
      return new Event(Event.Type.PUT, entry, before, revision);
    }
    Entry removed = new Entry(before.key(), before.value(), before.createRevision(), revision);
    return new Event(Event.Type.DELETE, removed, before, revision);
  }

  /// Puts a state that was there before history begins.
  void load(Entry entry) {
    keys.computeIfAbsent(entry.key(), _ -> new Versions()).push(entry.modRevision(), entry);
  }

  /// Takes the newest version of a key back, which nobody has seen.
  void pop(String key) {
    Versions versions = keys.get(key);
    if (versions != null) {
      versions.pop();
      if (versions.newest() == null) {
        keys.remove(key);
      }
    }
  }

  /// Lets readers see everything up to a revision.
  void publish(long revision) {
    visible = revision;
  }

  /// The revision before which history must go to keep its bounds; where a bound is passed, the
  /// oldest tenth goes, so that compaction is done in bulk.
  long oldestWithin(int maxRevisions, long maxBytes) {
    long oldest = compacted;
    long revisions = history.revisions();
    if (revisions > maxRevisions) {
      oldest = Math.max(oldest, visible - Math.max(1, maxRevisions - maxRevisions / 10));
    }
    long excess = history.bytes() - maxBytes;
    if (excess > 0) {
      excess += maxBytes / 10;
      long revision = compacted;
      while (excess > 0 && revision < visible) {
        revision++;
        for (Event event : history.at(revision)) {
          excess -= History.weight(event);
        }
      }
      oldest = Math.max(oldest, revision);
    }
    return oldest;
  }

  /// Forgets history before a revision, at most the visible one.
  void compact(long revision) {
    long from = compacted;
    if (revision <= from) {
      return;
    }
    // First the number, then the cutting: a reader that met a cut chain will see the number.
    compacted = revision;
    for (long r = from + 1; r <= revision; r++) {
      history.removeOldest().forEach(this::forgetBefore);
    }
  }

  private void forgetBefore(Event event) {
    String key = event.entry().key();
    Versions versions = keys.get(key);
    if (versions == null) {
      return;
    }
    versions.cutBefore(event.revision());
    Versions.Version newest = versions.newest();
    if (newest != null && newest.entry == null && newest.revision == event.revision()) {
      keys.remove(key);
    }
  }

  /// Begins anew with another state, from which no history leads back: readers of older revisions
  /// and watches are told [Compacted].
  void restart(long revision, Map<String, Entry> state) {
    compacted = revision;
    history.restart(revision);
    keys.keySet().retainAll(state.keySet());
    state.forEach((key, entry) -> {
      Versions versions = keys.computeIfAbsent(key, _ -> new Versions());
      Entry before = versions.newestEntry();
      if (before == null || before.modRevision() != entry.modRevision()) {
        versions.push(entry.modRevision(), entry);
      }
      versions.cutBefore(entry.modRevision());
    });
    visible = revision;
  }
}
