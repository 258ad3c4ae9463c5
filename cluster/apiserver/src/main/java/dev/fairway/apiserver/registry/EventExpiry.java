// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.store.Entry;
import dev.fairway.store.Page;
import dev.fairway.store.Store;
import dev.fairway.store.StoreException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/// Removes Events of which nothing was heard for an hour, as nobody else does.
public final class EventExpiry {
  private static final Logger LOG = LoggerFactory.getLogger(EventExpiry.class);
  private static final Duration LIFE = Duration.ofHours(1);
  private static final int PAGE = 500;
  private static final int MOST_REMOVED = 5000;
  private static final Kind EVENTS = Registry.builtin("", "Event");

  private final Registry registry;
  private final Clock clock;
  private final ReentrantLock sweeping = new ReentrantLock();

  public EventExpiry(Registry registry, Clock clock) {
    this.registry = registry;
    this.clock = clock;
  }

  /// Removes at most some thousands; more wait for the next sweep.
  public void sweep() {
    if (!sweeping.tryLock()) {
      return;
    }
    try {
      int removed = removeOld();
      LOG.debug("{} events have expired", removed);
    } catch (StoreException trouble) {
      LOG.warn("events could not be expired: {}", trouble.getMessage());
    } finally {
      sweeping.unlock();
    }
  }

  private int removeOld() {
    Store store = registry.store();
    Instant now = clock.instant();
    int removed = 0;
    String after = null;
    while (removed < MOST_REMOVED) {
      // Each page as it is now: an expiry needs no one state of all of them.
      Page page = store.list(EVENTS.keyPrefix(""), after, PAGE, 0);
      for (Entry entry : page.entries()) {
        removed += expire(entry, now) ? 1 : 0;
      }
      if (!page.more()) {
        break;
      }
      after = page.entries().getLast().key();
    }
    return removed;
  }

  private boolean expire(Entry entry, Instant now) {
    JsonNode event = StoredForm.tree(EVENTS, entry);
    if (lastHeard(event, now).plus(LIFE).isAfter(now)) {
      return false;
    }
    try {
      registry.expire(
          EVENTS,
          Trees.text(event, "metadata", "namespace"),
          Trees.text(event, "metadata", "name"),
          new DeleteOptions(
              OptionalLong.empty(), "", "", Long.toString(entry.modRevision()), false));
      return true;
    } catch (StatusException _) {
      // It was heard of again, or is gone.
      return false;
    }
  }

  private static Instant lastHeard(JsonNode event, Instant now) {
    Instant created = parse(Trees.text(event, "metadata", "creationTimestamp"));
    Instant last = created == null ? Instant.EPOCH : created;
    for (String time :
        List.of(
            Trees.text(event, "lastTimestamp"),
            Trees.text(event, "eventTime"),
            Trees.text(event, "series", "lastObservedTime"))) {
      Instant one = parse(time);
      // Those are the client's to choose; the future is not believed.
      if (one != null && one.isAfter(last) && !one.isAfter(now)) {
        last = one;
      }
    }
    return last;
  }

  private static @Nullable Instant parse(String time) {
    try {
      return time.isEmpty() ? null : Times.parse(time);
    } catch (IllegalArgumentException _) {
      return null;
    }
  }
}
