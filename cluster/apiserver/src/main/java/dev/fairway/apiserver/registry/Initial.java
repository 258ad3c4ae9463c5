// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Trees;
import tools.jackson.databind.node.ObjectNode;

/// The state objects start in: whatever status a client sends with a new object is dropped, as the
/// status belongs to whoever runs the thing.
final class Initial {
  private Initial() {}

  static void prepare(Kind kind, ObjectNode object) {
    if (kind.subresource("status") != null) {
      object.remove("status");
    }
    if (object.has("spec")) {
      Trees.child(object, "metadata").put("generation", 1);
    } else {
      Trees.child(object, "metadata").remove("generation");
    }
    if (kind.custom() != null) {
      return;
    }
    switch (kind.group() + "/" + kind.kind()) {
      case "/Pod" -> pod(object);
      case "/Namespace" -> {
        Trees.child(object, "spec").putArray("finalizers").add("kubernetes");
        Trees.child(object, "status").put("phase", "Active");
      }
      case "/PersistentVolume", "/PersistentVolumeClaim" ->
          Trees.child(object, "status").put("phase", "Pending");
      case "/Service" -> Trees.child(object, "status").putObject("loadBalancer");
      default -> {}
    }
  }

  /// What follows from the object as admission has left it.
  static void complete(Kind kind, ObjectNode object) {
    if (kind.is("", "Pod")) {
      Trees.child(object, "status").put("qosClass", QualityOfService.of(object));
    }
  }

  private static void pod(ObjectNode pod) {
    Trees.child(pod, "status").put("phase", "Pending").put("qosClass", QualityOfService.of(pod));
  }
}
