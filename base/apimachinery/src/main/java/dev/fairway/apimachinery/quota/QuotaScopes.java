// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.quota;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.quota.QuotaUsage.Resource;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Whether a quota counts an object at all: its `scopes` and `scopeSelector`, all of which must
/// hold.
public final class QuotaScopes {
  private static final List<String> LISTS = List.of("containers", "initContainers");

  private QuotaScopes() {}

  public static boolean match(JsonNode quota, Resource resource, JsonNode object) {
    for (JsonNode scope : Trees.items(quota, "spec", "scopes")) {
      if (!holds(scope.asString(), "Exists", List.of(), resource, object)) {
        return false;
      }
    }
    for (JsonNode expression : Trees.items(quota, "spec", "scopeSelector", "matchExpressions")) {
      List<String> values =
          expression.path("values").valueStream().map(JsonNode::asString).toList();
      if (!holds(
          Trees.text(expression, "scopeName"),
          Trees.text(expression, "operator"),
          values,
          resource,
          object)) {
        return false;
      }
    }
    return true;
  }

  private static boolean holds(
      String scope, String operator, List<String> values, Resource resource, JsonNode object) {
    if (!resource.group().isEmpty()) {
      return false;
    }
    if (resource.plural().equals("persistentvolumeclaims")) {
      return scope.equals("VolumeAttributesClass")
          && selects(operator, values, Trees.text(object, "spec", "volumeAttributesClassName"));
    }
    if (!resource.plural().equals("pods")) {
      return false;
    }
    JsonNode spec = object.path("spec");
    return switch (scope) {
      case "Terminating" -> Trees.number(spec, -1, "activeDeadlineSeconds") >= 0;
      case "NotTerminating" -> Trees.number(spec, -1, "activeDeadlineSeconds") < 0;
      case "BestEffort" -> isBestEffort(spec);
      case "NotBestEffort" -> !isBestEffort(spec);
      case "PriorityClass" -> selects(operator, values, Trees.text(spec, "priorityClassName"));
      case "CrossNamespacePodAffinity" -> crossesNamespaces(spec);
      default -> false;
    };
  }

  private static boolean selects(String operator, List<String> values, String value) {
    return switch (operator) {
      case "In" -> !value.isEmpty() && values.contains(value);
      case "NotIn" -> !values.contains(value);
      case "Exists" -> !value.isEmpty();
      case "DoesNotExist" -> value.isEmpty();
      default -> false;
    };
  }

  private static boolean isBestEffort(JsonNode spec) {
    for (String list : LISTS) {
      for (JsonNode container : Trees.items(spec, list)) {
        if (asks(container)) {
          return false;
        }
      }
    }
    return !asks(spec);
  }

  private static boolean asks(JsonNode holder) {
    for (String list : List.of("requests", "limits")) {
      for (String resource : List.of("cpu", "memory")) {
        String amount = Trees.text(holder, "resources", list, resource);
        if (!amount.isEmpty() && !amount.equals("0")) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean crossesNamespaces(JsonNode spec) {
    for (String kind : List.of("podAffinity", "podAntiAffinity")) {
      JsonNode affinity = spec.path("affinity").path(kind);
      for (JsonNode term :
          Trees.items(affinity, "requiredDuringSchedulingIgnoredDuringExecution")) {
        if (crosses(term)) {
          return true;
        }
      }
      for (JsonNode weighted :
          Trees.items(affinity, "preferredDuringSchedulingIgnoredDuringExecution")) {
        if (crosses(weighted.path("podAffinityTerm"))) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean crosses(JsonNode term) {
    return !term.path("namespaces").isEmpty() || Trees.at(term, "namespaceSelector") != null;
  }
}
