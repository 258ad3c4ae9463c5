// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BinaryOperator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What a whole pod asks for: its containers together, or one of its init containers if that is
/// more, sidecars and overhead included (KEP-753). What the pod says for itself comes first
/// (KEP-2837).
public final class PodResources {
  private PodResources() {}

  public static Map<String, Quantity> requests(JsonNode podSpec) {
    return total(podSpec, "requests");
  }

  public static Map<String, Quantity> limits(JsonNode podSpec) {
    return total(podSpec, "limits");
  }

  /// The amounts in an object of quantities; what is none is left out.
  public static Map<String, Quantity> amounts(JsonNode object, String... path) {
    Map<String, Quantity> found = new LinkedHashMap<>();
    if (Trees.at(object, path) instanceof ObjectNode amounts) {
      for (Map.Entry<String, JsonNode> entry : amounts.properties()) {
        try {
          found.put(entry.getKey(), Quantity.parse(entry.getValue().asString()));
        } catch (IllegalArgumentException e) {
          // Validation tells.
        }
      }
    }
    return found;
  }

  private static Map<String, Quantity> total(JsonNode spec, String list) {
    Map<String, Quantity> sum = new LinkedHashMap<>();
    for (JsonNode container : Trees.items(spec, "containers")) {
      merge(sum, amounts(container, "resources", list), Quantity::plus);
    }
    Map<String, Quantity> sidecars = new LinkedHashMap<>();
    Map<String, Quantity> most = new LinkedHashMap<>();
    for (JsonNode container : Trees.items(spec, "initContainers")) {
      Map<String, Quantity> own = amounts(container, "resources", list);
      if (Trees.text(container, "restartPolicy").equals("Always")) {
        merge(sum, own, Quantity::plus);
        merge(sidecars, own, Quantity::plus);
        merge(most, sidecars, PodResources::larger);
      } else {
        merge(own, sidecars, Quantity::plus);
        merge(most, own, PodResources::larger);
      }
    }
    merge(sum, most, PodResources::larger);
    Map<String, Quantity> ofPod = amounts(spec, "resources", list);
    sum.putAll(ofPod);
    for (Map.Entry<String, Quantity> extra : amounts(spec, "overhead").entrySet()) {
      if (list.equals("requests") || sum.containsKey(extra.getKey())) {
        sum.merge(extra.getKey(), extra.getValue(), Quantity::plus);
      }
    }
    return sum;
  }

  private static Quantity larger(Quantity one, Quantity other) {
    return one.compareTo(other) >= 0 ? one : other;
  }

  private static void merge(
      Map<String, Quantity> into, Map<String, Quantity> from, BinaryOperator<Quantity> how) {
    from.forEach((name, amount) -> into.merge(name, amount, how));
  }
}
