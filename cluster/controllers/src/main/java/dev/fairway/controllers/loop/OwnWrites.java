// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.HasMetadata;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// What this process wrote and the watch has not shown yet.
///
/// An entry stands until the watched object is as new as the write, or for [#TRUSTED] at most: an
/// object that somebody else deleted before the watch showed it must not live on here.
final class OwnWrites {
  static final Duration TRUSTED = Duration.ofSeconds(5);

  private record Write(HasMetadata object, boolean created, boolean deleting, Instant until) {}

  private final Map<Class<?>, Map<ObjectKey, Write>> writes = new ConcurrentHashMap<>();

  void wrote(HasMetadata object, boolean created) {
    of(object.getClass())
        .compute(
            ObjectKey.of(object),
            (key, before) ->
                new Write(
                    object,
                    created || (before != null && before.created),
                    object.getMetadata().getDeletionTimestamp() != null,
                    SteadyTime.now().plus(TRUSTED)));
  }

  /// Notes that a delete was asked for; `marked` carries a deletion timestamp.
  void deleting(HasMetadata marked) {
    of(marked.getClass())
        .put(ObjectKey.of(marked), new Write(marked, false, true, SteadyTime.now().plus(TRUSTED)));
  }

  /// The newer of what the watch has shown and what was written.
  <T extends HasMetadata> @Nullable T newest(Class<T> kind, ObjectKey key, @Nullable T seen) {
    Map<ObjectKey, Write> ofKind = of(kind);
    Write write = ofKind.get(key);
    if (write == null) {
      return seen;
    }
    if (stands(write, seen)) {
      return kind.cast(write.object);
    }
    ofKind.remove(key, write);
    return seen;
  }

  /// The keys of a kind that have a write standing.
  Iterable<ObjectKey> keys(Class<?> kind) {
    return of(kind).keySet();
  }

  boolean isEmpty(Class<?> kind) {
    return of(kind).isEmpty();
  }

  /// Forgets what the watch has caught up with.
  void seen(Delta delta) {
    writes.forEach((kind, ofKind) -> seen(delta, kind.asSubclass(HasMetadata.class), ofKind));
  }

  private <T extends HasMetadata> void seen(
      Delta delta, Class<T> kind, Map<ObjectKey, Write> ofKind) {
    Map<ObjectKey, Change<T>> changes = delta.of(kind);
    if (changes.isEmpty()) {
      return;
    }
    ofKind.forEach((key, write) -> {
      Change<T> change = changes.get(key);
      if (change != null && isOver(write, change.before(), change.after())) {
        ofKind.remove(key, write);
      }
    });
  }

  private <T extends HasMetadata> boolean isOver(
      Write write, Optional<T> before, Optional<T> after) {
    if (after.isPresent()) {
      return !stands(write, after.get());
    }
    return before.isPresent() && uid(before.get()).equals(uid(write.object));
  }

  private boolean stands(Write write, @Nullable HasMetadata seen) {
    if (SteadyTime.now().isAfter(write.until)) {
      return false;
    }
    if (seen == null) {
      return write.created && !write.deleting;
    }
    if (write.deleting) {
      return uid(seen).equals(uid(write.object))
          && seen.getMetadata().getDeletionTimestamp() == null;
    }
    return revision(seen) < revision(write.object);
  }

  private Map<ObjectKey, Write> of(Class<?> kind) {
    return writes.computeIfAbsent(kind, k -> new ConcurrentHashMap<>());
  }

  private static String uid(HasMetadata object) {
    String uid = object.getMetadata().getUid();
    return uid == null ? "" : uid;
  }

  /// Resource versions of one kind may be compared as numbers (KEP-5504).
  private static long revision(HasMetadata object) {
    String version = object.getMetadata().getResourceVersion();
    if (version == null || version.isEmpty()) {
      return 0;
    }
    try {
      return Long.parseLong(version);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
