// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.OwnerReference;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/// Finds the owners that a change of their dependents concerns.
///
/// @param <O> the owner's type
/// @param <D> the dependents' type
/// @param selector how an owner selects dependents that nobody controls; answers null if it does
///   not
public record Dependents<O extends HasMetadata, D extends HasMetadata>(
    Class<O> owner, String ownerKind, Class<D> dependent, Function<O, LabelSelector> selector) {

  /// Hands the keys of changed owners, and of owners with changed dependents, to `wake`.
  public void wake(Delta delta, ClusterImage image, Consumer<ObjectKey> wake) {
    delta.of(owner).keySet().forEach(wake);
    for (Change<D> change : delta.of(dependent).values()) {
      change.before().ifPresent(each -> wakeOwners(each, image, wake));
      change.after().ifPresent(each -> wakeOwners(each, image, wake));
    }
  }

  private void wakeOwners(D object, ClusterImage image, Consumer<ObjectKey> wake) {
    String namespace = object.getMetadata().getNamespace();
    Optional<OwnerReference> controller = Owners.controllerOf(object);
    if (controller.isPresent()) {
      if (controller.get().getKind().equals(ownerKind)) {
        wake.accept(new ObjectKey(namespace, controller.get().getName()));
      }
      return;
    }
    for (O each : image.all(owner)) {
      if (each.getMetadata().getNamespace().equals(namespace)
          && LabelSelectors.matches(selector.apply(each), object)) {
        wake.accept(ObjectKey.of(each));
      }
    }
  }
}
