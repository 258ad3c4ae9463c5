// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.selector.LabelSelector;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.apiserver.registry.Registry;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Which writes a webhook or a policy is about: rules, the namespace's labels, the object's labels.
record Matching(
    List<JsonNode> rules,
    List<JsonNode> exceptions,
    LabelSelector namespaces,
    LabelSelector objects,
    boolean equivalent) {
  Matching {
    rules = List.copyOf(rules);
    exceptions = List.copyOf(exceptions);
  }

  /// Of an entry of `webhooks`.
  static Matching ofWebhook(JsonNode webhook) {
    return new Matching(
        webhook.path("rules").valueStream().toList(),
        List.of(),
        selector(webhook, "namespaceSelector"),
        selector(webhook, "objectSelector"),
        !Trees.text(webhook, "matchPolicy").equals("Exact"));
  }

  /// Of a `matchConstraints` or `matchResources`.
  static Matching ofResources(@Nullable JsonNode resources) {
    JsonNode found = resources == null ? Trees.object() : resources;
    return new Matching(
        found.path("resourceRules").valueStream().toList(),
        found.path("excludeResourceRules").valueStream().toList(),
        selector(found, "namespaceSelector"),
        selector(found, "objectSelector"),
        !Trees.text(found, "matchPolicy").equals("Exact"));
  }

  private static LabelSelector selector(JsonNode holder, String field) {
    JsonNode selector = Trees.at(holder, field);
    return selector == null ? LabelSelector.everything() : LabelSelector.of(selector);
  }

  /// The version in which this wants to see the object, or null if it is not about it.
  @Nullable String version(Admission admission, Lookup lookup) {
    String version = ruled(rules, admission, lookup);
    if (version == null
        || ruled(exceptions, admission, lookup) != null
        || !fitsObject(admission)
        || !fitsNamespace(admission, lookup)) {
      return null;
    }
    return version;
  }

  /// Whether selectors alone fit; bindings of policies without rules take all.
  boolean fits(Admission admission, Lookup lookup) {
    return rules.isEmpty()
        ? ruled(exceptions, admission, lookup) == null
            && fitsObject(admission)
            && fitsNamespace(admission, lookup)
        : version(admission, lookup) != null;
  }

  private boolean fitsObject(Admission admission) {
    ObjectNode old = admission.old();
    return objects.isEverything()
        || (admission.operation() != Admission.Operation.DELETE
            && objects.matches(admission.object()))
        || (old != null && objects.matches(old));
  }

  private boolean fitsNamespace(Admission admission, Lookup lookup) {
    if (namespaces.isEverything()) {
      return true;
    }
    if (admission.kind().is("", "Namespace")) {
      return namespaces.matches(admission.object());
    }
    if (!admission.kind().namespaced()) {
      return true;
    }
    ObjectNode namespace = lookup.get("", "Namespace", "", admission.namespace());
    if (namespace == null) {
      throw StatusException.notFound(Registry.builtin("", "Namespace"), admission.namespace());
    }
    return namespaces.matches(namespace);
  }

  private @Nullable String ruled(List<JsonNode> list, Admission admission, Lookup lookup) {
    String other = null;
    for (JsonNode rule : list) {
      if (!lists(rule, "operations", admission.operation().name())
          || !lists(rule, "apiGroups", admission.kind().group())
          || !names(rule, admission)
          || !scope(rule, admission.kind())
          || !resource(rule, admission)) {
        continue;
      }
      if (lists(rule, "apiVersions", admission.kind().version())) {
        return admission.kind().version();
      }
      if (equivalent && other == null) {
        other = served(rule, admission.kind(), lookup);
      }
    }
    return other;
  }

  /// Another served version of a custom kind that the rule names.
  private static @Nullable String served(JsonNode rule, Kind kind, Lookup lookup) {
    if (kind.custom() == null) {
      return null;
    }
    ObjectNode definition =
        lookup.get("apiextensions.k8s.io", "CustomResourceDefinition", "", kind.groupResource());
    for (JsonNode version : Trees.items(definition, "spec", "versions")) {
      String name = Trees.text(version, "name");
      if (Trees.flag(version, "served") && lists(rule, "apiVersions", name)) {
        return name;
      }
    }
    return null;
  }

  private static boolean lists(JsonNode rule, String field, String wanted) {
    for (JsonNode one : Trees.items(rule, field)) {
      String text = one.asString();
      if (text.equals("*") || text.equals(wanted)) {
        return true;
      }
    }
    return false;
  }

  private static boolean names(JsonNode rule, Admission admission) {
    return rule.path("resourceNames").isEmpty() || lists(rule, "resourceNames", admission.name());
  }

  private static boolean scope(JsonNode rule, Kind kind) {
    return switch (Trees.text(rule, "scope")) {
      case "Namespaced" -> kind.namespaced();
      case "Cluster" -> !kind.namespaced();
      default -> true;
    };
  }

  private static boolean resource(JsonNode rule, Admission admission) {
    for (JsonNode one : Trees.items(rule, "resources")) {
      String text = one.asString();
      int slash = text.indexOf('/');
      String resource = slash < 0 ? text : text.substring(0, slash);
      String subresource = slash < 0 ? "" : text.substring(slash + 1);
      if ((resource.equals("*") || resource.equals(admission.kind().plural()))
          && (subresource.equals("*") || subresource.equals(admission.subresource()))) {
        return true;
      }
    }
    return false;
  }
}
