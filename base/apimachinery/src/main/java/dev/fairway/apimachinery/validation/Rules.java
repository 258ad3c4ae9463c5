// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Names;
import dev.fairway.apimachinery.Trees;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Which kind has which rules by hand.
final class Rules {
  private static final int DATA_BYTES = 1024 * 1024;

  private Rules() {}

  static void check(Kind kind, ObjectNode object, Findings findings) {
    if (kind.custom() != null) {
      return;
    }
    JsonNode spec = Trees.at(object, "spec");
    switch (kind.kind()) {
      case "Pod" -> {
        if (spec == null) {
          findings.required("spec.containers", "");
        } else {
          new PodRules(spec, "spec", findings).check();
        }
      }
      case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController" ->
          WorkloadRules.check(kind.kind(), object, findings);
      case "Job" -> WorkloadRules.job(spec, "spec", findings, false);
      case "CronJob" -> WorkloadRules.cronJob(spec, findings);
      case "Service" -> NetworkRules.service(spec, findings);
      case "Endpoints" -> NetworkRules.endpoints(object, findings);
      case "EndpointSlice" -> NetworkRules.slice(object, findings);
      case "Ingress" -> NetworkRules.ingress(spec, findings);
      case "NetworkPolicy" -> NetworkRules.policy(spec, findings);
      case "ConfigMap", "Secret" -> data(object, findings);
      case "Node" -> NetworkRules.node(spec, findings);
      case "Role", "ClusterRole" -> role(kind, object, findings);
      case "RoleBinding", "ClusterRoleBinding" -> binding(kind, object, findings);
      case "CustomResourceDefinition" -> definition(object, spec, findings);
      case "Lease" -> lease(spec, findings);
      case "PodDisruptionBudget" -> {
        if (Trees.at(spec, "minAvailable") != null && Trees.at(spec, "maxUnavailable") != null) {
          findings.add(
              FieldError.invalid(
                  "spec", spec, "minAvailable and maxUnavailable cannot be both set"));
        }
      }
      case "HorizontalPodAutoscaler" -> {
        long most = Trees.number(spec, 0, "maxReplicas");
        if (most < 1) {
          findings.add(FieldError.invalid("spec.maxReplicas", most, "must be greater than 0"));
        } else if (most < Trees.number(spec, 1, "minReplicas")) {
          findings.add(
              FieldError.invalid(
                  "spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"));
        }
      }
      default -> {}
    }
  }

  private static void data(ObjectNode object, Findings findings) {
    long size = 0;
    for (String field : new String[] {"data", "binaryData"}) {
      if (object.get(field) instanceof ObjectNode data) {
        for (Map.Entry<String, JsonNode> entry : data.properties()) {
          findings.problem(
              field + "[" + entry.getKey() + "]", entry.getKey(), Names.configKey(entry.getKey()));
          size += entry.getValue().asString().length();
          if (field.equals("binaryData") && Trees.at(object, "data", entry.getKey()) != null) {
            findings.add(
                FieldError.invalid(
                    "data[" + entry.getKey() + "]",
                    entry.getKey(),
                    "duplicate of key present in binaryData"));
          }
        }
      }
    }
    if (size > DATA_BYTES * 4L / 3) {
      findings.add(FieldError.tooLong("", DATA_BYTES));
    }
    String type = Trees.text(object, "type");
    String[] needed =
        switch (type) {
          case "kubernetes.io/tls" -> new String[] {"tls.crt", "tls.key"};
          case "kubernetes.io/dockerconfigjson" -> new String[] {".dockerconfigjson"};
          case "kubernetes.io/ssh-auth" -> new String[] {"ssh-privatekey"};
          default -> new String[0];
        };
    for (String key : needed) {
      if (Trees.at(object, "data", key) == null) {
        findings.required("data[" + key + "]", "");
      }
    }
  }

  private static void role(Kind kind, ObjectNode object, Findings findings) {
    int index = 0;
    for (JsonNode rule : Trees.items(object, "rules")) {
      String path = "rules[" + index++ + "]";
      if (Trees.at(rule, "verbs") == null || rule.path("verbs").isEmpty()) {
        findings.required(path + ".verbs", "verbs must contain at least one value");
      }
      boolean urls = !rule.path("nonResourceURLs").isEmpty();
      if (urls && kind.namespaced()) {
        findings.add(
            FieldError.invalid(
                path + ".nonResourceURLs",
                rule.path("nonResourceURLs"),
                "namespaced rules cannot apply to non-resource URLs"));
      } else if (!urls) {
        if (rule.path("apiGroups").isEmpty()) {
          findings.required(
              path + ".apiGroups", "resource rules must supply at least one api group");
        }
        if (rule.path("resources").isEmpty()) {
          findings.required(
              path + ".resources", "resource rules must supply at least one resource");
        }
      }
    }
  }

  private static void binding(Kind kind, ObjectNode object, Findings findings) {
    String role = Trees.text(object, "roleRef", "kind");
    boolean fits = role.equals("ClusterRole") || (role.equals("Role") && kind.namespaced());
    if (!role.isEmpty() && !fits) {
      findings.add(
          FieldError.notSupported(
              "roleRef.kind",
              role,
              kind.namespaced()
                  ? java.util.List.of("Role", "ClusterRole")
                  : java.util.List.of("ClusterRole")));
    }
    int index = 0;
    for (JsonNode subject : Trees.items(object, "subjects")) {
      String path = "subjects[" + index++ + "]";
      String type = Trees.text(subject, "kind");
      switch (type) {
        case "ServiceAccount" -> {
          if (Trees.text(subject, "namespace").isEmpty()) {
            findings.required(path + ".namespace", "");
          }
        }
        case "User", "Group", "" -> {}
        default ->
            findings.add(
                FieldError.notSupported(
                    path + ".kind", type, java.util.List.of("ServiceAccount", "User", "Group")));
      }
    }
  }

  private static void definition(
      ObjectNode object, @org.jspecify.annotations.Nullable JsonNode spec, Findings findings) {
    String group = Trees.text(spec, "group");
    String plural = Trees.text(spec, "names", "plural");
    String name = Trees.text(object, "metadata", "name");
    if (!name.equals(plural + "." + group)) {
      findings.add(
          FieldError.invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
    }
    int stored = 0;
    int index = 0;
    for (JsonNode version : Trees.items(spec, "versions")) {
      stored += Trees.flag(version, "storage") ? 1 : 0;
      if (Trees.at(version, "schema", "openAPIV3Schema") == null) {
        findings.required(
            "spec.versions[" + index + "].schema.openAPIV3Schema", "schemas are required");
      }
      index++;
    }
    if (stored != 1) {
      findings.add(
          FieldError.invalid(
              "spec.versions",
              Trees.at(spec, "versions"),
              "must have exactly one version marked as storage version"));
    }
  }

  private static void lease(@org.jspecify.annotations.Nullable JsonNode spec, Findings findings) {
    JsonNode seconds = Trees.at(spec, "leaseDurationSeconds");
    if (seconds != null && seconds.asLong() <= 0) {
      findings.add(
          FieldError.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"));
    }
  }
}
