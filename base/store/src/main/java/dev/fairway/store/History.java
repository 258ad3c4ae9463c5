// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The events after the compacted revision: a ring, indexed by revision, that grows by doubling and
/// is bounded by compaction. In a file of our own every revision is exactly one event; in an etcd a
/// revision may be several, or none of ours.
final class History {
  private @Nullable List<Event>[] ring = newRing(1024);
  private long compacted;
  private long newest;
  private long bytes;

  History(long compacted) {
    this.compacted = compacted;
    this.newest = compacted;
  }

  synchronized void append(Event event) {
    append(event.revision(), List.of(event));
  }

  /// Takes a revision's events; revisions between it and the newest so far had none.
  synchronized void append(long revision, List<Event> events) {
    if (revision <= newest) {
      throw new IllegalStateException("revision " + revision + " after " + newest);
    }
    while (revision - compacted > ring.length) {
      grow();
    }
    ring[slot(revision)] = events.isEmpty() ? null : events;
    newest = revision;
    for (Event event : events) {
      bytes += weight(event);
    }
  }

  /// The oldest revision's events, which are removed.
  synchronized List<Event> removeOldest() {
    if (compacted == newest) {
      return List.of();
    }
    int slot = slot(compacted + 1);
    List<Event> events = ring[slot];
    ring[slot] = null;
    compacted++;
    if (events == null) {
      return List.of();
    }
    for (Event event : events) {
      bytes -= weight(event);
    }
    return events;
  }

  /// Forgets everything: history begins anew after this revision.
  synchronized void restart(long revision) {
    ring = newRing(1024);
    compacted = revision;
    newest = revision;
    bytes = 0;
  }

  /// The events of the `revisions` revisions after one, or null if some of them are gone.
  synchronized @Nullable List<Event> after(long revision, int revisions) {
    if (revision < compacted) {
      return null;
    }
    long end = Math.min(newest, revision + revisions);
    List<Event> events = new ArrayList<>((int) Math.max(0, end - revision));
    for (long r = revision + 1; r <= end; r++) {
      List<Event> these = ring[slot(r)];
      if (these != null) {
        events.addAll(these);
      }
    }
    return events;
  }

  synchronized List<Event> at(long revision) {
    List<Event> events = ring[slot(revision)];
    return events == null ? List.of() : events;
  }

  synchronized long revisions() {
    return newest - compacted;
  }

  synchronized long bytes() {
    return bytes;
  }

  static long weight(Event event) {
    return 128 + 2L * event.entry().key().length() + event.entry().value().length;
  }

  private int slot(long revision) {
    return (int) (revision & (ring.length - 1));
  }

  @SuppressWarnings("unchecked") // an array of lists can be made in no other way
  private static @Nullable List<Event>[] newRing(int length) {
    return (@Nullable List<Event>[]) new List<?>[length];
  }

  private void grow() {
    @Nullable List<Event>[] old = ring;
    @Nullable List<Event>[] larger = Arrays.copyOf(newRing(0), old.length * 2);
    ring = larger;
    for (long revision = compacted + 1; revision <= newest; revision++) {
      larger[slot(revision)] = old[(int) (revision & (old.length - 1))];
    }
  }
}
