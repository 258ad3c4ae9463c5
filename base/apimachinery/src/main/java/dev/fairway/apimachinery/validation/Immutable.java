// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Trees;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What may not change once an object is there.
final class Immutable {
  private static final String MESSAGE = "field is immutable";

  private Immutable() {}

  static void check(Kind kind, ObjectNode object, ObjectNode old, Findings findings) {
    if (kind.custom() != null) {
      return;
    }
    switch (kind.kind()) {
      case "Pod" -> pod(object, old, findings);
      case "Deployment", "ReplicaSet", "DaemonSet" ->
          same(object, old, findings, "spec", "selector");
      case "StatefulSet" -> statefulSet(object, old, findings);
      case "Job" -> {
        same(object, old, findings, "spec", "selector");
        same(object, old, findings, "spec", "completionMode");
        if (!Trees.flag(old, "spec", "suspend")) {
          same(object, old, findings, "spec", "template");
        }
      }
      case "Service" -> service(object, old, findings);
      case "ConfigMap", "Secret" -> immutableData(kind, object, old, findings);
      case "RoleBinding", "ClusterRoleBinding" -> {
        if (!equal(object.get("roleRef"), old.get("roleRef"))) {
          findings.add(
              FieldError.invalid("roleRef", object.get("roleRef"), "cannot change roleRef"));
        }
      }
      case "EndpointSlice" -> same(object, old, findings, "addressType");
      case "Node" -> {
        String before = Trees.text(old, "spec", "podCIDR");
        if (!before.isEmpty() && !before.equals(Trees.text(object, "spec", "podCIDR"))) {
          findings.add(
              FieldError.forbidden(
                  "spec.podCIDRs",
                  "node updates may not change podCIDR except from \"\" to valid"));
        }
      }
      case "StorageClass" -> {
        for (String field :
            new String[] {"parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"}) {
          if (!equal(object.get(field), old.get(field))) {
            findings.add(FieldError.forbidden(field, "updates to " + field + " are forbidden."));
          }
        }
      }
      case "PriorityClass" -> same(object, old, findings, "value");
      case "RuntimeClass" -> same(object, old, findings, "handler");
      case "CustomResourceDefinition" -> {
        same(object, old, findings, "spec", "group");
        same(object, old, findings, "spec", "scope");
        same(object, old, findings, "spec", "names", "plural");
        same(object, old, findings, "spec", "names", "kind");
      }
      default -> {}
    }
  }

  private static void same(ObjectNode object, ObjectNode old, Findings findings, String... path) {
    JsonNode now = Trees.at(object, path);
    if (!equal(now, Trees.at(old, path))) {
      findings.add(
          FieldError.invalid(String.join(".", path), now == null ? Trees.object() : now, MESSAGE));
    }
  }

  /// Absent and empty are the same.
  private static boolean equal(@Nullable JsonNode a, @Nullable JsonNode b) {
    return (a == null || isEmpty(a)) ? (b == null || isEmpty(b)) : a.equals(b);
  }

  private static boolean isEmpty(JsonNode node) {
    return node.isContainer() && node.isEmpty();
  }

  private static void pod(ObjectNode object, ObjectNode old, Findings findings) {
    ObjectNode now = changeable(object);
    ObjectNode before = changeable(old);
    // A scheduler sets the node once; a client may only add tolerations.
    if (Trees.text(before, "nodeName").isEmpty()) {
      now.remove("nodeName");
      before.remove("nodeName");
    }
    if (now.get("tolerations") instanceof ArrayNode added) {
      boolean kept = true;
      for (JsonNode toleration : Trees.items(before, "tolerations")) {
        boolean found = false;
        for (JsonNode candidate : added) {
          found |= candidate.equals(toleration);
        }
        kept &= found;
      }
      if (kept) {
        now.remove("tolerations");
        before.remove("tolerations");
      }
    }
    if (!now.equals(before)) {
      findings.add(
          FieldError.forbidden(
              "spec",
              "pod updates may not change fields other than `spec.containers[*].image`,"
                  + "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
                  + " (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"
                  + " (allow it to be set to 1 if it was previously negative)"));
    }
  }

  /// A copy of the spec without what may change.
  private static ObjectNode changeable(ObjectNode pod) {
    ObjectNode spec =
        Trees.at(pod, "spec") instanceof ObjectNode found ? found.deepCopy() : Trees.object();
    for (String list : new String[] {"containers", "initContainers"}) {
      for (JsonNode container : Trees.items(spec, list)) {
        if (container instanceof ObjectNode one) {
          one.remove("image");
        }
      }
    }
    spec.remove(List.of("activeDeadlineSeconds", "ephemeralContainers", "schedulingGates"));
    return spec;
  }

  private static void statefulSet(ObjectNode object, ObjectNode old, Findings findings) {
    ObjectNode now = Trees.copy(Trees.child(object, "spec"));
    ObjectNode before = Trees.copy(Trees.child(old, "spec"));
    List<String> free =
        List.of(
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds");
    now.remove(free);
    before.remove(free);
    if (!now.equals(before)) {
      findings.add(
          FieldError.forbidden(
              "spec",
              "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template',"
                  + " 'updateStrategy', 'revisionHistoryLimit',"
                  + " 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"));
    }
  }

  private static void service(ObjectNode object, ObjectNode old, Findings findings) {
    String before = Trees.text(old, "spec", "clusterIP");
    String now = Trees.text(object, "spec", "clusterIP");
    boolean named =
        Trees.text(object, "spec", "type").equals("ExternalName")
            || Trees.text(old, "spec", "type").equals("ExternalName");
    if (!before.isEmpty() && !named && !now.equals(before)) {
      findings.add(FieldError.invalid("spec.clusterIPs[0]", now, "may not change once set"));
    }
  }

  private static void immutableData(
      Kind kind, ObjectNode object, ObjectNode old, Findings findings) {
    if (kind.kind().equals("Secret")) {
      same(object, old, findings, "type");
    }
    if (!Trees.flag(old, "immutable")) {
      return;
    }
    for (String field : new String[] {"immutable", "data", "binaryData"}) {
      if (!equal(object.get(field), old.get(field))) {
        findings.add(FieldError.forbidden(field, "field is immutable when `immutable` is set"));
      }
    }
  }
}
