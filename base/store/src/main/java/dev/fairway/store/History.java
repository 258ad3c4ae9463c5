// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The events after the compacted revision. Every revision is exactly one event, so an event's
/// place follows from its revision: a ring that grows by doubling and is bounded by compaction.
final class History {
  private @Nullable Event[] ring = new Event[1024];
  private long compacted;
  private long newest;
  private long bytes;

  History(long compacted) {
    this.compacted = compacted;
    this.newest = compacted;
  }

  synchronized void append(Event event) {
    if (event.revision() != newest + 1) {
      throw new IllegalStateException("event " + event.revision() + " after " + newest);
    }
    if (newest - compacted == ring.length) {
      grow();
    }
    ring[slot(event.revision())] = event;
    newest = event.revision();
    bytes += weight(event);
  }

  /// The oldest event, which is removed; null if there is none.
  synchronized @Nullable Event removeOldest() {
    if (compacted == newest) {
      return null;
    }
    int slot = slot(compacted + 1);
    Event event = ring[slot];
    ring[slot] = null;
    compacted++;
    if (event != null) {
      bytes -= weight(event);
    }
    return event;
  }

  /// At most `limit` events after a revision, or null if some of them are gone.
  synchronized @Nullable List<Event> after(long revision, int limit) {
    if (revision < compacted) {
      return null;
    }
    long end = Math.min(newest, revision + limit);
    List<Event> events = new ArrayList<>((int) (end - revision));
    for (long r = revision + 1; r <= end; r++) {
      Event event = ring[slot(r)];
      if (event != null) {
        events.add(event);
      }
    }
    return events;
  }

  synchronized Event at(long revision) {
    Event event = ring[slot(revision)];
    if (event == null || event.revision() != revision) {
      throw new IllegalStateException("history holds no event " + revision);
    }
    return event;
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

  private void grow() {
    @Nullable Event[] old = ring;
    ring = Arrays.copyOf(new Event[0], old.length * 2);
    for (Event event : old) {
      if (event != null) {
        ring[slot(event.revision())] = event;
      }
    }
  }
}
