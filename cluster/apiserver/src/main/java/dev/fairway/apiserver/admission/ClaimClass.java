// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// Gives claims that name no StorageClass the marked one; an empty name stays empty.
final class ClaimClass implements AdmissionStep {
  private static final List<String> MARKS =
      List.of(
          "storageclass.kubernetes.io/is-default-class",
          "storageclass.beta.kubernetes.io/is-default-class");

  private final Lookup lookup;

  ClaimClass(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public String name() {
    return "DefaultStorageClass";
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.creates("", "PersistentVolumeClaim")) {
      return;
    }
    ObjectNode spec = Trees.child(admission.object(), "spec");
    boolean named =
        spec.get("storageClassName") != null
            || Trees.at(
                    admission.object(),
                    "metadata",
                    "annotations",
                    "volume.beta.kubernetes.io/storage-class")
                != null;
    if (!named) {
      MarkedClass.find(lookup, "storage.k8s.io", "StorageClass", MARKS)
          .ifPresent(name -> spec.put("storageClassName", name));
    }
  }
}
