// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// The items of all LimitRanges of a namespace.
final class Limits {
  private final Lookup lookup;

  Limits(Lookup lookup) {
    this.lookup = lookup;
  }

  /// Whether limits are about this write: new pods, and claims new or changed.
  static boolean concern(Admission admission) {
    return switch (admission.operation()) {
      case CREATE ->
          admission.kind().is("", "Pod") || admission.kind().is("", "PersistentVolumeClaim");
      case UPDATE ->
          admission.kind().is("", "PersistentVolumeClaim")
              && Trees.at(admission.object(), "metadata", "deletionTimestamp") == null;
      case DELETE -> false;
    };
  }

  /// @param type `Container`, `Pod` or `PersistentVolumeClaim`
  List<JsonNode> of(String namespace, String type) {
    List<JsonNode> found = new ArrayList<>();
    for (JsonNode range : lookup.in("", "LimitRange", namespace)) {
      for (JsonNode item : Trees.items(range, "spec", "limits")) {
        if (Trees.text(item, "type").equals(type)) {
          found.add(item);
        }
      }
    }
    return found;
  }
}
