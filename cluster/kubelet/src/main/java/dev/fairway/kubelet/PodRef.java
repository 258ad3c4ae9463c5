// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Pod;
import java.util.Map;

/// Which pod: its name, and the uid that tells it from an earlier pod of the same name.
record PodRef(String namespace, String name, String uid) {
  static PodRef of(Pod pod) {
    var metadata = pod.getMetadata();
    return new PodRef(metadata.getNamespace(), metadata.getName(), metadata.getUid());
  }

  static PodRef ofLabels(Map<String, String> labels) {
    return new PodRef(
        labels.getOrDefault(Labels.POD_NAMESPACE, ""),
        labels.getOrDefault(Labels.POD_NAME, ""),
        labels.getOrDefault(Labels.POD_UID, ""));
  }

  /// The name of the pod's log directory, as log collectors expect it.
  String logDirectoryName() {
    return namespace + "_" + name + "_" + uid;
  }

  @Override
  public String toString() {
    return namespace + "/" + name;
  }
}
