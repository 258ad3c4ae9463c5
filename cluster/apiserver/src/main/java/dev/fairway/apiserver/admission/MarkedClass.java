// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/// Gives what names no class the class that is marked as the one for such: claims their
/// StorageClass, Ingresses their IngressClass. Of several the newest counts.
final class MarkedClass {
  private MarkedClass() {}

  static Optional<String> find(Lookup lookup, String group, String kind, List<String> annotations) {
    return lookup.all(group, kind).stream()
        .filter(one ->
            annotations.stream()
                .anyMatch(name -> Trees.text(one, "metadata", "annotations", name).equals("true")))
        .min(
            Comparator.comparing(MarkedClass::created)
                .reversed()
                .thenComparing(one -> Trees.text(one, "metadata", "name")))
        .map(one -> Trees.text(one, "metadata", "name"));
  }

  private static String created(ObjectNode object) {
    return Trees.text(object, "metadata", "creationTimestamp");
  }
}
