// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import org.pcollections.HashTreePMap;
import org.pcollections.PMap;

/// The followed part of a cluster at one moment; it never changes.
///
/// The objects in it are shared by all readers and must not be modified.
public final class ClusterImage {
  static final ClusterImage EMPTY = new ClusterImage(HashTreePMap.empty(), 0);

  private final PMap<Class<?>, PMap<ObjectKey, HasMetadata>> kinds;
  private final long generation;

  private ClusterImage(PMap<Class<?>, PMap<ObjectKey, HasMetadata>> kinds, long generation) {
    this.kinds = kinds;
    this.generation = generation;
  }

  /// All objects of a kind, in no particular order.
  public <T extends HasMetadata> Collection<T> all(Class<T> kind) {
    return map(kind).values();
  }

  /// All objects of a kind by key.
  @SuppressWarnings("unchecked") // with() files each object under its class
  public <T extends HasMetadata> Map<ObjectKey, T> map(Class<T> kind) {
    PMap<ObjectKey, HasMetadata> objects = kinds.get(kind);
    return objects == null ? Map.of() : (Map<ObjectKey, T>) (Map<?, ?>) objects;
  }

  /// One object, empty if the cluster has none of that name.
  public <T extends HasMetadata> Optional<T> get(Class<T> kind, ObjectKey key) {
    return Optional.ofNullable(map(kind).get(key));
  }

  /// Counts the changes that led here; a later image has a larger one.
  public long generation() {
    return generation;
  }

  <T extends HasMetadata> ClusterImage with(Class<T> kind, T object) {
    PMap<ObjectKey, HasMetadata> objects = kinds.getOrDefault(kind, HashTreePMap.empty());
    return new ClusterImage(
        kinds.plus(kind, objects.plus(ObjectKey.of(object), object)), generation + 1);
  }

  ClusterImage without(Class<?> kind, ObjectKey key) {
    PMap<ObjectKey, HasMetadata> objects = kinds.getOrDefault(kind, HashTreePMap.empty());
    return new ClusterImage(kinds.plus(kind, objects.minus(key)), generation + 1);
  }

  /// A delta that lists everything as new.
  Delta asDelta() {
    Delta delta = new Delta(true);
    kinds.forEach((kind, objects) -> addAll(delta, kind.asSubclass(HasMetadata.class), objects));
    return delta;
  }

  private static <T extends HasMetadata> void addAll(
      Delta delta, Class<T> kind, Map<ObjectKey, HasMetadata> objects) {
    objects.forEach((key, object) ->
        delta.put(kind, key, new Change<>(Optional.empty(), Optional.of(kind.cast(object)))));
  }
}
