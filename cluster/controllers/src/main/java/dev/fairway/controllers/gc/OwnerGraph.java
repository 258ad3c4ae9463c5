// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.gc;

import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Who depends on whom among the followed objects, by uid.
final class OwnerGraph {
  /// An object of a followed kind.
  record Item(Class<? extends HasMetadata> kind, ObjectKey key) {}

  private final Map<String, Set<Item>> dependents = new HashMap<>();
  private final Set<String> alive = new HashSet<>();

  synchronized void added(Item item, HasMetadata object) {
    alive.add(object.getMetadata().getUid());
    for (OwnerReference owner : owners(object)) {
      dependents.computeIfAbsent(owner.getUid(), uid -> new HashSet<>()).add(item);
    }
  }

  synchronized void removed(Item item, HasMetadata object, boolean gone) {
    if (gone) {
      alive.remove(object.getMetadata().getUid());
    }
    for (OwnerReference owner : owners(object)) {
      Set<Item> items = dependents.get(owner.getUid());
      if (items != null && items.remove(item) && items.isEmpty()) {
        dependents.remove(owner.getUid());
      }
    }
  }

  synchronized List<Item> dependentsOf(String uid) {
    return List.copyOf(dependents.getOrDefault(uid, Set.of()));
  }

  synchronized boolean isAlive(String uid) {
    return alive.contains(uid);
  }

  static List<OwnerReference> owners(HasMetadata object) {
    List<OwnerReference> owners = object.getMetadata().getOwnerReferences();
    return owners == null ? List.of() : owners;
  }
}
