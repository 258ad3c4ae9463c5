// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// How an object begins to go. A pod that runs on a node first gets a deletionTimestamp, and its
/// node deletes it again with grace 0 once it has stopped; finalizers hold every object back.
final class Deletion {
  private static final String ORPHAN = "orphan";
  private static final String FOREGROUND = "foregroundDeletion";
  private static final long POD_GRACE_SECONDS = 30;

  private Deletion() {}

  /// Marks the object.
  ///
  /// @return true if nothing holds it back
  static boolean mark(Kind kind, ObjectNode object, DeleteOptions options, Instant now) {
    propagation(object, options);
    long grace = kind.is("", "Pod") ? podGrace(object, options) : 0;
    ObjectNode metadata = Trees.child(object, "metadata");
    boolean held =
        !metadata.path("finalizers").isEmpty()
            || (kind.is("", "Namespace") && !object.path("spec").path("finalizers").isEmpty());
    if (!held && grace == 0) {
      return true;
    }
    boolean started = metadata.has("deletionTimestamp");
    long current = Trees.number(metadata, 0, "deletionGracePeriodSeconds");
    if (!started || grace < current) {
      Instant asked =
          started
              ? Times.parse(Trees.text(metadata, "deletionTimestamp")).minusSeconds(current)
              : now;
      metadata.put("deletionTimestamp", Times.rfc3339(asked.plusSeconds(grace)));
      metadata.put("deletionGracePeriodSeconds", grace);
      if (metadata.has("generation")) {
        metadata.put("generation", metadata.path("generation").asLong() + 1);
      }
    }
    if (kind.is("", "Namespace")) {
      Trees.child(object, "status").put("phase", "Terminating");
    }
    return false;
  }

  private static long podGrace(ObjectNode pod, DeleteOptions options) {
    String phase = Trees.text(pod, "status", "phase");
    if (Trees.text(pod, "spec", "nodeName").isEmpty()
        || phase.equals("Succeeded")
        || phase.equals("Failed")) {
      return 0;
    }
    if (options.graceSeconds().isPresent()) {
      return Math.max(0, options.graceSeconds().getAsLong());
    }
    if (Trees.at(pod, "metadata", "deletionTimestamp") != null) {
      return Trees.number(pod, 0, "metadata", "deletionGracePeriodSeconds");
    }
    return Trees.number(pod, POD_GRACE_SECONDS, "spec", "terminationGracePeriodSeconds");
  }

  /// The garbage collector's orders travel as finalizers.
  private static void propagation(ObjectNode object, DeleteOptions options) {
    if (options.propagation().isEmpty()) {
      return;
    }
    Set<String> finalizers = new LinkedHashSet<>();
    for (JsonNode finalizer : Trees.items(object, "metadata", "finalizers")) {
      finalizers.add(finalizer.asString());
    }
    finalizers.remove(ORPHAN);
    finalizers.remove(FOREGROUND);
    switch (options.propagation()) {
      case "Orphan" -> finalizers.add(ORPHAN);
      case "Foreground" -> finalizers.add(FOREGROUND);
      default -> {}
    }
    ObjectNode metadata = Trees.child(object, "metadata");
    if (finalizers.isEmpty()) {
      metadata.remove("finalizers");
    } else {
      ArrayNode list = metadata.putArray("finalizers");
      finalizers.forEach(list::add);
    }
  }
}
