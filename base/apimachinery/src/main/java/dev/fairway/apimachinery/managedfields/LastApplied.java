// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.managedfields.FieldOwnership.Writer;
import dev.fairway.apimachinery.managedfields.OwnedFields.Difference;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.node.ObjectNode;

/// The annotation in which kubectl keeps what it applied by itself. It lets a user go over to
/// `kubectl apply --server-side`, and back, without a conflict with the kubectl of before.
final class LastApplied {
  private static final String KUBECTL = "kubectl";
  private static final String ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";
  private static final int MOST_BYTES = 256 * 1024;

  private LastApplied() {}

  /// What kubectl has applied and nobody has changed since; it may take that from any owner.
  static FieldSet unchanged(FieldType type, ObjectNode live, Writer writer) {
    String text = Trees.text(live, "metadata", "annotations", ANNOTATION);
    if (!writer.manager().equals(KUBECTL) || text.isEmpty()) {
      return FieldSet.EMPTY;
    }
    ObjectNode applied;
    try {
      applied = Trees.readObject(text);
    } catch (StatusException e) {
      return FieldSet.EMPTY; // somebody else's text
    }
    String version = Trees.text(applied, "apiVersion");
    if (!version.equals(Trees.text(live, "apiVersion"))) {
      return FieldSet.EMPTY;
    }
    Difference since = OwnedFields.compare(type, applied, live);
    return OwnedFields.of(type, applied).difference(since.written()).difference(since.removed());
  }

  /// Keeps the annotation true where there is one.
  static void renew(ObjectNode object, ObjectNode applied, Writer writer) {
    boolean there = Trees.at(object, "metadata", "annotations", ANNOTATION) != null;
    if (!writer.manager().equals(KUBECTL) || !there) {
      return;
    }
    ObjectNode kept = Trees.copy(applied);
    if (Trees.at(kept, "metadata", "annotations") instanceof ObjectNode annotations) {
      annotations.remove(ANNOTATION);
    }
    byte[] text = Trees.write(kept);
    Trees.child(Trees.child(object, "metadata"), "annotations")
        .put(
            ANNOTATION,
            text.length > MOST_BYTES ? "" : new String(text, StandardCharsets.UTF_8) + "\n");
  }
}
