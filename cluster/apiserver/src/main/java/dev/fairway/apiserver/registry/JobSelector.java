// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Trees;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// Jobs with equal templates must not take each other's pods, so each new Job is told from all
/// others by its UID, unless it says `manualSelector: true`.
final class JobSelector {
  private static final String PREFIX = "batch.kubernetes.io/";

  private JobSelector() {}

  /// Adds the selector and the labels it selects; the object must have its name and UID.
  static void generate(Kind kind, ObjectNode object) {
    if (!kind.is("batch", "Job") || !(object.get("spec") instanceof ObjectNode spec)) {
      return;
    }
    if (Trees.at(spec, "manualSelector") != null && spec.get("manualSelector").asBoolean()) {
      return;
    }
    String uid = Trees.text(object, "metadata", "uid");
    String name = Trees.text(object, "metadata", "name");
    ObjectNode labels =
        Trees.child(Trees.child(Trees.child(spec, "template"), "metadata"), "labels");
    for (String prefix : List.of("", PREFIX)) {
      labels.put(prefix + "controller-uid", uid);
      labels.put(prefix + "job-name", name);
    }
    Trees.child(Trees.child(spec, "selector"), "matchLabels").put(PREFIX + "controller-uid", uid);
  }
}
