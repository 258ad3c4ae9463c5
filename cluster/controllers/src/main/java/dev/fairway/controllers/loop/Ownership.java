// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import dev.fairway.controllers.objects.Owners;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.ArrayList;
import java.util.List;

/// Takes objects into an owner's control and lets them go.
public final class Ownership {
  private Ownership() {}

  /// Adds a controller reference. The object's resource version guards against two owners.
  public static <T extends HasMetadata> void adopt(Cluster cluster, T object, HasMetadata owner) {
    List<OwnerReference> owners = new ArrayList<>(object.getMetadata().getOwnerReferences());
    owners.add(Owners.controllerReference(owner));
    write(cluster, object, owners);
  }

  /// Removes the reference to an owner.
  public static <T extends HasMetadata> void release(Cluster cluster, T object, HasMetadata owner) {
    List<OwnerReference> owners = new ArrayList<>(object.getMetadata().getOwnerReferences());
    owners.removeIf(each -> each.getUid().equals(owner.getMetadata().getUid()));
    write(cluster, object, owners);
  }

  private static <T extends HasMetadata> void write(
      Cluster cluster, T object, List<OwnerReference> owners) {
    T changed = cluster.client().getKubernetesSerialization().clone(object);
    changed.getMetadata().setOwnerReferences(owners);
    try {
      cluster.update(changed);
    } catch (KubernetesClientException e) {
      if (!Cluster.isNotFound(e)) {
        throw e;
      }
    }
  }
}
