// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.quota;

import dev.fairway.apimachinery.PodResources;
import dev.fairway.apimachinery.Quantity;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.quota.QuotaUsage.Resource;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Counts all that a quota is for.
public final class QuotaCount {
  private QuotaCount() {}

  /// What a count led to.
  ///
  /// @param changed the quota's status is another now
  /// @param lower less is used than is noted, and that was not written
  public record Outcome(boolean changed, boolean lower) {}

  /// The resources whose objects must be known to count.
  public static Set<Resource> resources(JsonNode quota) {
    Set<Resource> found = new LinkedHashSet<>();
    for (String name : PodResources.amounts(quota, "spec", "hard").keySet()) {
      found.add(QuotaUsage.counted(name));
    }
    return found;
  }

  /// Whether the status says all that it must.
  public static boolean isComplete(JsonNode quota) {
    Map<String, Quantity> hard = PodResources.amounts(quota, "spec", "hard");
    return hard.equals(PodResources.amounts(quota, "status", "hard"))
        && PodResources.amounts(quota, "status", "used").keySet().equals(hard.keySet());
  }

  /// Writes the status.
  ///
  /// @param mayLower whether what is noted as used may become less
  public static Outcome apply(
      ObjectNode quota, Map<Resource, List<JsonNode>> objects, boolean mayLower) {
    JsonNode before = quota.path("status").deepCopy();
    Map<String, Quantity> hard = PodResources.amounts(quota, "spec", "hard");
    Map<String, Quantity> noted = PodResources.amounts(quota, "status", "used");
    Map<String, Quantity> counted = new LinkedHashMap<>();
    objects.forEach((resource, all) -> {
      for (JsonNode object : all) {
        if (QuotaScopes.match(quota, resource, object)) {
          QuotaUsage.of(resource, object)
              .forEach((name, amount) -> counted.merge(name, amount, Quantity::plus));
        }
      }
    });
    boolean lower = false;
    ObjectNode status = Trees.child(quota, "status");
    ObjectNode most = status.putObject("hard");
    ObjectNode used = status.putObject("used");
    for (Map.Entry<String, Quantity> each : hard.entrySet()) {
      String name = each.getKey();
      most.put(name, each.getValue().toString());
      Quantity now = counted.getOrDefault(name, Quantity.of(0));
      Quantity then = noted.get(name);
      if (then != null && then.compareTo(now) > 0 && !mayLower) {
        lower = true;
        now = then;
      }
      used.put(name, now.toString());
    }
    return new Outcome(!status.equals(before), lower);
  }
}
