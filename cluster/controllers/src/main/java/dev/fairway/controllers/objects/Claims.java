// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.LabelSelector;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Which objects an owner controls, and which it should take or let go because of their labels.
///
/// @param owned controlled by the owner and matching its selector
/// @param adopt without a controller but matching: they get an owner reference
/// @param release controlled but no longer matching: they lose it
public record Claims<T extends HasMetadata>(List<T> owned, List<T> adopt, List<T> release) {

  public static <T extends HasMetadata> Claims<T> of(
      HasMetadata owner, @Nullable LabelSelector selector, Collection<T> objects) {
    List<T> owned = new ArrayList<>();
    List<T> adopt = new ArrayList<>();
    List<T> release = new ArrayList<>();
    boolean mayTake = !Owners.isBeingDeleted(owner);
    String uid = owner.getMetadata().getUid();
    for (T object : objects) {
      Optional<String> controller = Owners.controllerOf(object).map(o -> o.getUid());
      if (controller.isPresent()) {
        if (controller.get().equals(uid)) {
          boolean keep = LabelSelectors.matches(selector, object);
          if (keep) {
            owned.add(object);
          } else if (mayTake) {
            release.add(object);
          }
        }
      } else if (mayTake
          && !Owners.isBeingDeleted(object)
          && LabelSelectors.matches(selector, object)) {
        adopt.add(object);
      }
    }
    return new Claims<>(owned, adopt, release);
  }
}
