// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The columns of the core kinds except pods and events.
final class CoreCells {
  private CoreCells() {}

  static List<Column> columns(String kind) {
    return switch (kind) {
      case "Pod" -> PodCells.columns();
      case "Event" -> EventCells.columns();
      case "Node" -> node();
      case "Service" -> NetworkCells.service();
      case "Endpoints" -> NetworkCells.endpoints();
      case "Namespace" ->
          List.of(Column.NAME, Column.text("Status", "status", "phase"), Column.AGE);
      case "ConfigMap" ->
          List.of(
              Column.NAME,
              Column.integer(
                  "Data",
                  (object, now) ->
                      Cells.size(object.get("data")) + Cells.size(object.get("binaryData"))),
              Column.AGE);
      case "Secret" ->
          List.of(
              Column.NAME,
              Column.text("Type", "type"),
              Column.integer("Data", (object, now) -> Cells.size(object.get("data"))),
              Column.AGE);
      case "ServiceAccount" ->
          List.of(
              Column.NAME,
              Column.integer("Secrets", (object, now) -> Cells.size(object.get("secrets"))),
              Column.AGE);
      case "PersistentVolume" -> volume();
      case "PersistentVolumeClaim" -> claim();
      case "ReplicationController" -> WorkloadCells.replicas();
      case "LimitRange" -> List.of(Column.NAME, Column.CREATED_AT);
      case "ResourceQuota" -> quota();
      case "PodTemplate" ->
          List.of(
              Column.NAME,
              Column.text(
                  "Containers",
                  (object, now) ->
                      Cells.joined(Trees.at(object, "template", "spec"), "containers", "name")),
              Column.text(
                  "Images",
                  (object, now) ->
                      Cells.joined(Trees.at(object, "template", "spec"), "containers", "image")),
              Column.text(
                  "Pod Labels",
                  (object, now) ->
                      Cells.labels(Trees.at(object, "template", "metadata", "labels"))));
      default -> Columns.plain();
    };
  }

  private static List<Column> node() {
    return List.of(
        Column.NAME,
        Column.text("Status", (object, now) -> nodeStatus(object)),
        Column.text("Roles", (object, now) -> roles(object)),
        Column.AGE,
        Column.text("Version", "status", "nodeInfo", "kubeletVersion"),
        Column.wide("Internal-IP", (object, now) -> address(object, "InternalIP")),
        Column.wide("External-IP", (object, now) -> address(object, "ExternalIP")),
        Column.wide("OS-Image", (object, now) -> nodeFact(object, "osImage")),
        Column.wide("Kernel-Version", (object, now) -> nodeFact(object, "kernelVersion")),
        Column.wide(
            "Container-Runtime", (object, now) -> nodeFact(object, "containerRuntimeVersion")));
  }

  private static String nodeStatus(JsonNode node) {
    String status = "Unknown";
    for (JsonNode condition : Trees.items(node, "status", "conditions")) {
      if (Trees.text(condition, "type").equals("Ready")) {
        status = Trees.text(condition, "status").equals("True") ? "Ready" : "NotReady";
      }
    }
    return Trees.flag(node, "spec", "unschedulable") ? status + ",SchedulingDisabled" : status;
  }

  private static String roles(JsonNode node) {
    TreeSet<String> roles = new TreeSet<>();
    if (Trees.at(node, "metadata", "labels") instanceof ObjectNode labels) {
      for (Map.Entry<String, JsonNode> label : labels.properties()) {
        String key = label.getKey();
        if (key.startsWith("node-role.kubernetes.io/")) {
          String role = key.substring("node-role.kubernetes.io/".length());
          if (!role.isEmpty()) {
            roles.add(role);
          }
        } else if (key.equals("kubernetes.io/role") && !label.getValue().asString().isEmpty()) {
          roles.add(label.getValue().asString());
        }
      }
    }
    return Cells.or(String.join(",", roles), Cells.NONE);
  }

  private static String address(JsonNode node, String type) {
    for (JsonNode address : Trees.items(node, "status", "addresses")) {
      if (Trees.text(address, "type").equals(type)) {
        return Trees.text(address, "address");
      }
    }
    return Cells.NONE;
  }

  private static String nodeFact(JsonNode node, String field) {
    return Cells.or(Trees.text(node, "status", "nodeInfo", field), Cells.UNKNOWN);
  }

  private static List<Column> volume() {
    return List.of(
        Column.NAME,
        Column.text("Capacity", (object, now) -> Trees.text(object, "spec", "capacity", "storage")),
        Column.text("Access Modes", (object, now) -> accessModes(Trees.at(object, "spec"))),
        Column.text("Reclaim Policy", "spec", "persistentVolumeReclaimPolicy"),
        Column.text("Status", (object, now) -> phase(object)),
        Column.text("Claim", (object, now) -> claimOf(object)),
        Column.text("StorageClass", (object, now) -> storageClass(object)),
        Column.text("VolumeAttributesClass", (object, now) -> attributesClass(object)),
        Column.text("Reason", "status", "reason"),
        Column.AGE,
        Column.wide("VolumeMode", (object, now) -> mode(object)));
  }

  private static List<Column> claim() {
    return List.of(
        Column.NAME,
        Column.text("Status", (object, now) -> phase(object)),
        Column.text("Volume", "spec", "volumeName"),
        Column.text(
            "Capacity",
            (object, now) ->
                bound(object) ? Trees.text(object, "status", "capacity", "storage") : ""),
        Column.text(
            "Access Modes",
            (object, now) -> bound(object) ? accessModes(Trees.at(object, "status")) : ""),
        Column.text("StorageClass", (object, now) -> storageClass(object)),
        Column.text("VolumeAttributesClass", (object, now) -> attributesClass(object)),
        Column.AGE,
        Column.wide("VolumeMode", (object, now) -> mode(object)));
  }

  private static boolean bound(JsonNode claim) {
    return !Trees.text(claim, "spec", "volumeName").isEmpty();
  }

  private static String phase(JsonNode object) {
    return Trees.text(object, "metadata", "deletionTimestamp").isEmpty()
        ? Trees.text(object, "status", "phase")
        : "Terminating";
  }

  private static String claimOf(JsonNode volume) {
    String name = Trees.text(volume, "spec", "claimRef", "name");
    return name.isEmpty() ? "" : Trees.text(volume, "spec", "claimRef", "namespace") + "/" + name;
  }

  private static String storageClass(JsonNode object) {
    String legacy =
        Trees.text(object, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class");
    return legacy.isEmpty() ? Trees.text(object, "spec", "storageClassName") : legacy;
  }

  private static String attributesClass(JsonNode object) {
    return Cells.or(Trees.text(object, "spec", "volumeAttributesClassName"), Cells.UNSET);
  }

  private static String mode(JsonNode object) {
    return Cells.or(Trees.text(object, "spec", "volumeMode"), Cells.UNSET);
  }

  private static String accessModes(@org.jspecify.annotations.Nullable JsonNode tree) {
    List<String> modes = new ArrayList<>();
    for (JsonNode mode : Trees.items(tree, "accessModes")) {
      modes.add(
          switch (mode.asString()) {
            case "ReadWriteOnce" -> "RWO";
            case "ReadOnlyMany" -> "ROX";
            case "ReadWriteMany" -> "RWX";
            case "ReadWriteOncePod" -> "RWOP";
            default -> mode.asString();
          });
    }
    return String.join(",", modes);
  }

  private static List<Column> quota() {
    return List.of(
        Column.NAME,
        Column.text("Request", (object, now) -> quotaUse(object, false)),
        Column.text("Limit", (object, now) -> quotaUse(object, true)),
        Column.AGE);
  }

  private static String quotaUse(JsonNode quota, boolean limits) {
    StringBuilder text = new StringBuilder();
    if (Trees.at(quota, "status", "hard") instanceof ObjectNode hard) {
      for (Map.Entry<String, JsonNode> entry : hard.properties()) {
        if (entry.getKey().startsWith("limits.") == limits) {
          text.append(text.isEmpty() ? "" : ", ").append(entry.getKey()).append(": ");
          text.append(Cells.or(Trees.text(quota, "status", "used", entry.getKey()), "0"));
          text.append('/').append(entry.getValue().asString());
        }
      }
    }
    return text.toString();
  }
}
