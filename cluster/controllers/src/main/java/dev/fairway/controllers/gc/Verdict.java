// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.gc;

import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// What is to be done with an object because of its owners. Pure.
sealed interface Verdict {
  String FOREGROUND = "foregroundDeletion";
  String ORPHAN = "orphan";

  /// How an owner stands.
  enum Standing {
    THERE,
    GONE,
    /// Being deleted in the foreground: it waits for its dependents.
    WAITING
  }

  record Keep() implements Verdict {}

  /// Some owners are there, others are gone: only the references to those remain.
  record KeepFor(List<OwnerReference> owners) implements Verdict {}

  record Delete(DeletionPropagation propagation) implements Verdict {}

  static Verdict of(
      HasMetadata object, boolean hasDependents, Function<OwnerReference, Standing> standing) {
    List<OwnerReference> solid = new ArrayList<>();
    boolean waiting = false;
    List<OwnerReference> owners = OwnerGraph.owners(object);
    for (OwnerReference owner : owners) {
      switch (standing.apply(owner)) {
        case THERE -> solid.add(owner);
        case GONE -> {}
        case WAITING -> waiting = true;
      }
    }
    if (owners.isEmpty() || solid.size() == owners.size()) {
      return new Keep();
    }
    if (!solid.isEmpty()) {
      return new KeepFor(List.copyOf(solid));
    }
    if (waiting && hasDependents) {
      return new Delete(DeletionPropagation.FOREGROUND);
    }
    List<String> finalizers = object.getMetadata().getFinalizers();
    if (finalizers != null && finalizers.contains(ORPHAN)) {
      return new Delete(DeletionPropagation.ORPHAN);
    }
    if (finalizers != null && finalizers.contains(FOREGROUND)) {
      return new Delete(DeletionPropagation.FOREGROUND);
    }
    return new Delete(DeletionPropagation.BACKGROUND);
  }
}
