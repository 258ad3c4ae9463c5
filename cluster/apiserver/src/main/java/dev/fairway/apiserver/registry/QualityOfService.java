// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Trees;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// A pod's quality-of-service class: `Guaranteed` if every container limits cpu and memory and
/// requests just as much, `BestEffort` if none says anything, else `Burstable`.
final class QualityOfService {
  private static final List<String> COUNTED = List.of("cpu", "memory");

  private QualityOfService() {}

  static String of(JsonNode pod) {
    boolean anything = false;
    boolean guaranteed = true;
    for (String list : List.of("containers", "initContainers")) {
      for (JsonNode container : Trees.items(pod, "spec", list)) {
        for (String resource : COUNTED) {
          String limit = text(container, "limits", resource);
          String request = text(container, "requests", resource);
          anything |= !limit.isEmpty() || !request.isEmpty();
          guaranteed &= !limit.isEmpty() && (request.isEmpty() || request.equals(limit));
        }
      }
    }
    return anything ? guaranteed ? "Guaranteed" : "Burstable" : "BestEffort";
  }

  private static String text(JsonNode container, String list, String resource) {
    JsonNode found = Trees.at(container, "resources", list, resource);
    return found == null ? "" : found.asString();
  }
}
