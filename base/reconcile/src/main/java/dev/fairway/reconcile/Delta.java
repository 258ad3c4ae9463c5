// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/// What changed between the image a subscriber saw last and the one it is given now.
///
/// A [#full] delta lists every object of the image as new and no removals: whoever gets one
/// compares with what it finds in the world instead of with what it remembers.
public final class Delta {
  private final Map<Class<?>, Map<ObjectKey, Change<?>>> changes = new HashMap<>();
  private boolean full;

  Delta(boolean full) {
    this.full = full;
  }

  /// Whether every object of the image is listed, as at the start and after a failed call.
  public boolean full() {
    return full;
  }

  public boolean isEmpty() {
    return !full && changes.isEmpty();
  }

  /// Whether any object of that kind changed; always true for a full delta.
  public boolean touches(Class<? extends HasMetadata> kind) {
    return full || changes.containsKey(kind);
  }

  /// The changes of one kind, empty if none.
  @SuppressWarnings("unchecked") // put() files each change under the class of its objects
  public <T extends HasMetadata> Map<ObjectKey, Change<T>> of(Class<T> kind) {
    Map<ObjectKey, Change<?>> ofKind = changes.getOrDefault(kind, Map.of());
    return (Map<ObjectKey, Change<T>>) (Map<?, ?>) Collections.unmodifiableMap(ofKind);
  }

  @SuppressWarnings("unchecked") // as above
  <T extends HasMetadata> void put(Class<T> kind, ObjectKey key, Change<T> change) {
    Map<ObjectKey, Change<?>> ofKind = changes.computeIfAbsent(kind, k -> new HashMap<>());
    Change<T> earlier = (Change<T>) ofKind.get(key);
    Change<T> merged = earlier == null ? change : earlier.then(change);
    if (merged.before().isEmpty() && merged.after().isEmpty()) {
      ofKind.remove(key);
      if (ofKind.isEmpty()) {
        changes.remove(kind);
      }
    } else {
      ofKind.put(key, merged);
    }
  }
}
