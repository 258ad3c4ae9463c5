// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// The columns of kinds that are looked at less often.
final class OtherCells {
  private OtherCells() {}

  static List<Column> columns(String kind) {
    return switch (kind) {
      case "Lease" ->
          List.of(Column.NAME, Column.text("Holder", "spec", "holderIdentity"), Column.AGE);
      case "Role", "ClusterRole" -> List.of(Column.NAME, Column.CREATED_AT);
      case "RoleBinding", "ClusterRoleBinding" -> binding();
      case "StorageClass" -> storageClass();
      case "PriorityClass" ->
          List.of(
              Column.NAME,
              Column.integer("Value", "value"),
              Column.text(
                  "Global-Default", (object, now) -> Trees.flag(object, "globalDefault") + ""),
              Column.AGE,
              Column.text("PreemptionPolicy", "preemptionPolicy"));
      case "RuntimeClass" -> List.of(Column.NAME, Column.text("Handler", "handler"), Column.AGE);
      case "CSINode" ->
          List.of(
              Column.NAME,
              Column.integer(
                  "Drivers", (object, now) -> Cells.size(Trees.at(object, "spec", "drivers"))),
              Column.AGE);
      case "CSIDriver" -> driver();
      case "VolumeAttachment" ->
          List.of(
              Column.NAME,
              Column.text("Attacher", "spec", "attacher"),
              Column.text("PV", "spec", "source", "persistentVolumeName"),
              Column.text("Node", "spec", "nodeName"),
              Column.text(
                  "Attached", (object, now) -> Trees.flag(object, "status", "attached") + ""),
              Column.AGE);
      case "CertificateSigningRequest" -> certificate();
      case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration" ->
          List.of(
              Column.NAME,
              Column.integer("Webhooks", (object, now) -> Cells.size(object.get("webhooks"))),
              Column.AGE);
      case "APIService" ->
          List.of(
              Column.NAME,
              Column.text(
                  "Service",
                  (object, now) -> {
                    String name = Trees.text(object, "spec", "service", "name");
                    return name.isEmpty()
                        ? "Local"
                        : Trees.text(object, "spec", "service", "namespace") + "/" + name;
                  }),
              Column.text("Available", (object, now) -> condition(object, "Available")),
              Column.AGE);
      case "CustomResourceDefinition" -> List.of(Column.NAME, Column.CREATED_AT);
      case "ValidatingAdmissionPolicy" ->
          List.of(
              Column.NAME,
              Column.integer(
                  "Validations",
                  (object, now) -> Cells.size(Trees.at(object, "spec", "validations"))),
              Column.text(
                  "ParamKind",
                  (object, now) ->
                      Cells.or(Trees.text(object, "spec", "paramKind", "kind"), Cells.UNSET)),
              Column.AGE);
      case "FlowSchema" ->
          List.of(
              Column.NAME,
              Column.text("PriorityLevel", "spec", "priorityLevelConfiguration", "name"),
              Column.integer("MatchingPrecedence", "spec", "matchingPrecedence"),
              Column.text("DistinguisherMethod", "spec", "distinguisherMethod", "type"),
              Column.AGE);
      default -> Columns.nameAndAge();
    };
  }

  private static List<Column> binding() {
    return List.of(
        Column.NAME,
        Column.text(
            "Role",
            (object, now) ->
                Trees.text(object, "roleRef", "kind")
                    + "/"
                    + Trees.text(object, "roleRef", "name")),
        Column.AGE,
        Column.wide("Users", (object, now) -> subjects(object, "User")),
        Column.wide("Groups", (object, now) -> subjects(object, "Group")),
        Column.wide("ServiceAccounts", (object, now) -> subjects(object, "ServiceAccount")));
  }

  private static String subjects(JsonNode binding, String kind) {
    List<String> names = new ArrayList<>();
    for (JsonNode subject : Trees.items(binding, "subjects")) {
      if (Trees.text(subject, "kind").equals(kind)) {
        String namespace = Trees.text(subject, "namespace");
        names.add((namespace.isEmpty() ? "" : namespace + "/") + Trees.text(subject, "name"));
      }
    }
    return String.join(", ", names);
  }

  private static List<Column> storageClass() {
    return List.of(
        new Column(
            "Name",
            "string",
            "name",
            false,
            (object, now) -> {
              String name = Trees.text(object, "metadata", "name");
              String standard =
                  Trees.text(
                      object,
                      "metadata",
                      "annotations",
                      "storageclass.kubernetes.io/is-default-class");
              return standard.equals("true") ? name + " (default)" : name;
            }),
        Column.text("Provisioner", "provisioner"),
        Column.text("ReclaimPolicy", "reclaimPolicy"),
        Column.text("VolumeBindingMode", "volumeBindingMode"),
        Column.text(
            "AllowVolumeExpansion",
            (object, now) -> Trees.flag(object, "allowVolumeExpansion") + ""),
        Column.AGE);
  }

  private static List<Column> driver() {
    return List.of(
        Column.NAME,
        Column.text(
            "AttachRequired", (object, now) -> Trees.flag(object, "spec", "attachRequired") + ""),
        Column.text(
            "PodInfoOnMount", (object, now) -> Trees.flag(object, "spec", "podInfoOnMount") + ""),
        Column.text(
            "StorageCapacity", (object, now) -> Trees.flag(object, "spec", "storageCapacity") + ""),
        Column.text(
            "TokenRequests",
            (object, now) ->
                Cells.or(
                    Cells.joined(Trees.at(object, "spec"), "tokenRequests", "audience"),
                    Cells.UNSET)),
        Column.text(
            "RequiresRepublish",
            (object, now) -> Trees.flag(object, "spec", "requiresRepublish") + ""),
        Column.text(
            "Modes",
            (object, now) -> Cells.joined(Trees.at(object, "spec"), "volumeLifecycleModes", "")),
        Column.AGE);
  }

  private static List<Column> certificate() {
    return List.of(
        Column.NAME,
        Column.AGE,
        Column.text("SignerName", "spec", "signerName"),
        Column.text("Requestor", "spec", "username"),
        Column.text(
            "RequestedDuration",
            (object, now) -> {
              long seconds = Trees.number(object, -1, "spec", "expirationSeconds");
              return seconds < 0 ? Cells.NONE : Times.humanDuration(Duration.ofSeconds(seconds));
            }),
        Column.text("Condition", (object, now) -> certificateState(object)));
  }

  private static String certificateState(JsonNode request) {
    boolean approved = condition(request, "Approved").equals("True");
    List<String> states = new ArrayList<>();
    if (approved) {
      states.add("Approved");
    }
    if (condition(request, "Denied").equals("True")) {
      states.add("Denied");
    }
    if (states.isEmpty()) {
      states.add("Pending");
    }
    if (condition(request, "Failed").equals("True")) {
      states.add("Failed");
    }
    if (!Trees.text(request, "status", "certificate").isEmpty()) {
      states.add("Issued");
    }
    return String.join(",", states);
  }

  private static String condition(JsonNode object, String type) {
    for (JsonNode condition : Trees.items(object, "status", "conditions")) {
      if (Trees.text(condition, "type").equals(type)) {
        return Trees.text(condition, "status");
      }
    }
    return "Unknown";
  }
}
