// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Registry.Part;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What an update may not change, and what follows from it.
final class Updates {
  private static final List<String> SYSTEM_METADATA =
      List.of(
          "uid",
          "creationTimestamp",
          "deletionTimestamp",
          "deletionGracePeriodSeconds",
          "generation",
          "generateName");

  private Updates() {}

  /// Puts back what is not the writer's to change.
  static void carryOver(Kind kind, Part part, ObjectNode wanted, ObjectNode old) {
    if (part == Part.STATUS) {
      JsonNode status = wanted.get("status");
      ObjectNode metadata = Trees.child(wanted, "metadata");
      JsonNode annotations = metadata.get("annotations");
      JsonNode labels = metadata.get("labels");
      JsonNode managedFields = metadata.get("managedFields");
      wanted.removeAll();
      wanted.setAll(Trees.copy(old));
      set(wanted, "status", status);
      set(Trees.child(wanted, "metadata"), "managedFields", managedFields);
      // Whoever writes the status of these, a node's agent or a load balancer, notes more with it.
      boolean noted =
          kind.is("", "Node") || kind.is("", "Service") || kind.is("networking.k8s.io", "Ingress");
      if (noted && annotations != null) {
        Trees.child(wanted, "metadata").set("annotations", annotations);
      }
      if (noted && !kind.is("", "Node") && labels != null) {
        Trees.child(wanted, "metadata").set("labels", labels);
      }
      return;
    }
    if (part == Part.SPEC && kind.subresource("status") != null) {
      set(wanted, "status", old.get("status"));
    }
    ObjectNode metadata = Trees.child(wanted, "metadata");
    for (String field : SYSTEM_METADATA) {
      set(metadata, field, Trees.at(old, "metadata", field));
    }
  }

  /// Bumps the generation if anything but metadata and status differs.
  static void countGeneration(ObjectNode wanted, ObjectNode old) {
    if (!wanted.has("spec")) {
      return;
    }
    long generation = Trees.number(old, 1, "metadata", "generation");
    boolean changed = !essence(wanted).equals(essence(old));
    Trees.child(wanted, "metadata").put("generation", changed ? generation + 1 : generation);
  }

  private static ObjectNode essence(ObjectNode object) {
    ObjectNode essence = Trees.object();
    essence.setAll(object);
    for (String field : List.of("metadata", "status", "apiVersion", "kind")) {
      essence.remove(field);
    }
    return essence;
  }

  /// True if the object was only waiting for its last finalizer.
  static boolean isGone(Kind kind, JsonNode object) {
    return Trees.at(object, "metadata", "deletionTimestamp") != null
        && Trees.number(object, 0, "metadata", "deletionGracePeriodSeconds") == 0
        && object.path("metadata").path("finalizers").isEmpty()
        && (!kind.is("", "Namespace") || object.path("spec").path("finalizers").isEmpty());
  }

  private static void set(ObjectNode object, String field, @Nullable JsonNode value) {
    if (value == null) {
      object.remove(field);
    } else {
      object.set(field, value);
    }
  }
}
