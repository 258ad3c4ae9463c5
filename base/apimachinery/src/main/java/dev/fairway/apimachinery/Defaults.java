// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Fills in what a client left out, as upstream's defaulting functions do for the served versions.
///
/// What needs the cluster (cluster IPs, service accounts, node ports) is the API server's to add.
public final class Defaults {
  private Defaults() {}

  /// Changes the object in place. Custom kinds get the defaults their schema writes down.
  public static void apply(Kind kind, ObjectNode object) {
    if (kind.custom() != null) {
      JsonNode schema = Trees.at(kind.custom().version(), "schema", "openAPIV3Schema");
      if (schema != null) {
        custom(schema, object);
      }
      return;
    }
    switch (kind.group()) {
      case "" -> core(kind.kind(), object);
      case "apps" -> WorkloadDefaults.apps(kind.kind(), object);
      case "batch" -> WorkloadDefaults.batch(kind.kind(), object);
      default -> others(kind, object);
    }
  }

  private static void core(String kind, ObjectNode object) {
    switch (kind) {
      case "Pod" -> {
        PodDefaults.spec(Trees.child(object, "spec"));
        PodDefaults.requestsFromLimits(Trees.child(object, "spec"));
        ObjectNode status = Trees.child(object, "status");
        absent(status, "phase", "Pending");
      }
      case "PodTemplate" -> template(Trees.objectAt(object, "template"));
      case "ReplicationController" -> {
        ObjectNode spec = Trees.child(object, "spec");
        absent(spec, "replicas", 1);
        template(Trees.objectAt(spec, "template"));
      }
      case "Service" -> service(Trees.child(object, "spec"));
      case "Endpoints" -> endpoints(object);
      case "Secret" -> secret(object);
      case "Namespace" -> namespace(object);
      case "Node" -> Trees.child(object, "status");
      case "LimitRange" -> limits(object);
      case "PersistentVolume" -> {
        ObjectNode spec = Trees.child(object, "spec");
        absent(spec, "persistentVolumeReclaimPolicy", "Retain");
        absent(spec, "volumeMode", "Filesystem");
        ObjectNode hostPath = Trees.objectAt(spec, "hostPath");
        if (hostPath != null) {
          absent(hostPath, "type", "");
        }
        absent(Trees.child(object, "status"), "phase", "Pending");
      }
      case "PersistentVolumeClaim" -> {
        absent(Trees.child(object, "spec"), "volumeMode", "Filesystem");
        absent(Trees.child(object, "status"), "phase", "Pending");
      }
      case "Event" -> {
        if (!Trees.text(object, "reportingComponent").isEmpty()) {
          absent(object, "reportingInstance", "");
        }
      }
      default -> {}
    }
  }

  private static void service(ObjectNode spec) {
    absent(spec, "sessionAffinity", "None");
    if (Trees.text(spec, "sessionAffinity").equals("ClientIP")) {
      ObjectNode client = Trees.child(Trees.child(spec, "sessionAffinityConfig"), "clientIP");
      absent(client, "timeoutSeconds", 10800);
    } else {
      spec.remove("sessionAffinityConfig");
    }
    absent(spec, "type", "ClusterIP");
    String type = Trees.text(spec, "type");
    boolean external = type.equals("NodePort") || type.equals("LoadBalancer");
    for (JsonNode item : Trees.items(spec, "ports")) {
      if (item instanceof ObjectNode port) {
        absent(port, "protocol", "TCP");
        JsonNode target = port.get("targetPort");
        boolean empty =
            target == null
                || (target.isString() ? target.stringValue().isEmpty() : target.asInt() == 0);
        if (empty && port.get("port") != null) {
          port.set("targetPort", port.get("port"));
        }
      }
    }
    if (external) {
      absent(spec, "externalTrafficPolicy", "Cluster");
    }
    if (type.equals("LoadBalancer")) {
      absent(spec, "allocateLoadBalancerNodePorts", true);
    }
    if (!type.equals("ExternalName")) {
      absent(spec, "internalTrafficPolicy", "Cluster");
    }
  }

  /// What a LimitRange gives to containers that say nothing: their most, else what they may ask
  /// for; and the least, if there is nothing else to ask for.
  private static void limits(ObjectNode range) {
    for (JsonNode item : Trees.items(range, "spec", "limits")) {
      if (item instanceof ObjectNode limit && Trees.text(limit, "type").equals("Container")) {
        ObjectNode most = Trees.child(limit, "default");
        fill(most, limit.get("max"));
        ObjectNode request = Trees.child(limit, "defaultRequest");
        fill(request, most);
        fill(request, limit.get("min"));
        if (most.isEmpty()) {
          limit.remove("default");
        }
        if (request.isEmpty()) {
          limit.remove("defaultRequest");
        }
      }
    }
  }

  private static void fill(ObjectNode amounts, @org.jspecify.annotations.Nullable JsonNode from) {
    if (from instanceof ObjectNode others) {
      for (Map.Entry<String, JsonNode> other : others.properties()) {
        if (amounts.get(other.getKey()) == null) {
          amounts.set(other.getKey(), other.getValue());
        }
      }
    }
  }

  private static void endpoints(ObjectNode object) {
    for (JsonNode subset : Trees.items(object, "subsets")) {
      for (JsonNode port : Trees.items(subset, "ports")) {
        absent((ObjectNode) port, "protocol", "TCP");
      }
    }
  }

  private static void secret(ObjectNode object) {
    absent(object, "type", "Opaque");
    if (object.remove("stringData") instanceof ObjectNode texts) {
      ObjectNode data = Trees.child(object, "data");
      for (Map.Entry<String, JsonNode> entry : texts.properties()) {
        byte[] bytes = entry.getValue().asString().getBytes(StandardCharsets.UTF_8);
        data.put(entry.getKey(), Base64.getEncoder().encodeToString(bytes));
      }
    }
  }

  private static void namespace(ObjectNode object) {
    ObjectNode metadata = Trees.child(object, "metadata");
    String name = Trees.text(metadata, "name");
    if (!name.isEmpty()) {
      Trees.child(metadata, "labels").put("kubernetes.io/metadata.name", name);
    }
    ObjectNode spec = Trees.child(object, "spec");
    if (!(spec.get("finalizers") instanceof ArrayNode)
        && Trees.text(metadata, "deletionTimestamp").isEmpty()) {
      spec.putArray("finalizers").add("kubernetes");
    }
    absent(Trees.child(object, "status"), "phase", "Active");
  }

  private static void others(Kind kind, ObjectNode object) {
    switch (kind.kind()) {
      case "EndpointSlice" -> {
        for (JsonNode item : Trees.items(object, "ports")) {
          if (item instanceof ObjectNode port) {
            absent(port, "name", "");
            absent(port, "protocol", "TCP");
          }
        }
      }
      case "NetworkPolicy" -> networkPolicy(Trees.child(object, "spec"));
      case "IngressClass" -> {
        ObjectNode parameters = Trees.objectAt(object, "spec", "parameters");
        if (parameters != null) {
          absent(parameters, "scope", "Cluster");
        }
      }
      case "StorageClass" -> {
        absent(object, "reclaimPolicy", "Delete");
        absent(object, "volumeBindingMode", "Immediate");
      }
      case "CSIDriver" -> {
        ObjectNode spec = Trees.child(object, "spec");
        absent(spec, "attachRequired", true);
        absent(spec, "podInfoOnMount", false);
        absent(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        absent(spec, "storageCapacity", false);
        absent(spec, "requiresRepublish", false);
        absent(spec, "seLinuxMount", false);
        if (spec.get("volumeLifecycleModes") == null) {
          spec.putArray("volumeLifecycleModes").add("Persistent");
        }
      }
      case "PriorityClass" -> absent(object, "preemptionPolicy", "PreemptLowerPriority");
      case "RoleBinding", "ClusterRoleBinding" -> binding(object);
      case "HorizontalPodAutoscaler" -> autoscaler(Trees.child(object, "spec"));
      case "CustomResourceDefinition" -> definition(Trees.child(object, "spec"));
      case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration" ->
          webhooks(object, kind.kind().startsWith("Mutating"));
      case "CertificateSigningRequest", "PodDisruptionBudget", "Ingress" ->
          Trees.child(object, "status");
      default -> {}
    }
  }

  private static void networkPolicy(ObjectNode spec) {
    for (String direction : new String[] {"ingress", "egress"}) {
      for (JsonNode rule : Trees.items(spec, direction)) {
        for (JsonNode port : Trees.items(rule, "ports")) {
          absent((ObjectNode) port, "protocol", "TCP");
        }
      }
    }
    if (!(spec.get("policyTypes") instanceof ArrayNode types) || types.isEmpty()) {
      ArrayNode policyTypes = spec.putArray("policyTypes").add("Ingress");
      if (spec.get("egress") instanceof ArrayNode egress && !egress.isEmpty()) {
        policyTypes.add("Egress");
      }
    }
  }

  private static void binding(ObjectNode object) {
    ObjectNode role = Trees.objectAt(object, "roleRef");
    if (role != null) {
      absent(role, "apiGroup", "rbac.authorization.k8s.io");
    }
    for (JsonNode item : Trees.items(object, "subjects")) {
      if (item instanceof ObjectNode subject
          && !Trees.text(subject, "kind").equals("ServiceAccount")) {
        absent(subject, "apiGroup", "rbac.authorization.k8s.io");
      }
    }
  }

  private static void autoscaler(ObjectNode spec) {
    absent(spec, "minReplicas", 1);
    if (!(spec.get("metrics") instanceof ArrayNode metrics) || metrics.isEmpty()) {
      ObjectNode metric = spec.putArray("metrics").addObject().put("type", "Resource");
      metric
          .putObject("resource")
          .put("name", "cpu")
          .putObject("target")
          .put("type", "Utilization")
          .put("averageUtilization", 80);
    }
  }

  private static void definition(ObjectNode spec) {
    ObjectNode names = Trees.child(spec, "names");
    String kind = Trees.text(names, "kind");
    if (!kind.isEmpty()) {
      absent(names, "singular", kind.toLowerCase(java.util.Locale.ROOT));
      absent(names, "listKind", kind + "List");
    }
    absent(Trees.child(spec, "conversion"), "strategy", "None");
  }

  private static void webhooks(ObjectNode object, boolean mutating) {
    for (JsonNode item : Trees.items(object, "webhooks")) {
      if (!(item instanceof ObjectNode webhook)) {
        continue;
      }
      absent(webhook, "failurePolicy", "Fail");
      absent(webhook, "matchPolicy", "Equivalent");
      absent(webhook, "timeoutSeconds", 10);
      Trees.child(webhook, "namespaceSelector");
      Trees.child(webhook, "objectSelector");
      if (mutating) {
        absent(webhook, "reinvocationPolicy", "Never");
      }
      ObjectNode service = Trees.objectAt(webhook, "clientConfig", "service");
      if (service != null) {
        absent(service, "port", 443);
      }
      for (JsonNode rule : Trees.items(webhook, "rules")) {
        absent((ObjectNode) rule, "scope", "*");
      }
    }
  }

  private static void custom(JsonNode schema, JsonNode value) {
    if (value instanceof ObjectNode object) {
      ObjectNode properties = Trees.objectAt(schema, "properties");
      if (properties != null) {
        for (Map.Entry<String, JsonNode> property : properties.properties()) {
          JsonNode standard = property.getValue().get("default");
          if (object.get(property.getKey()) == null && standard != null) {
            object.set(property.getKey(), standard.deepCopy());
          }
          JsonNode inner = object.get(property.getKey());
          if (inner != null) {
            custom(property.getValue(), inner);
          }
        }
      }
      if (Trees.at(schema, "additionalProperties") instanceof ObjectNode values) {
        for (JsonNode inner : object) {
          custom(values, inner);
        }
      }
    } else if (value instanceof ArrayNode array
        && Trees.at(schema, "items") instanceof ObjectNode items) {
      for (JsonNode inner : array) {
        custom(items, inner);
      }
    }
  }

  static void template(@org.jspecify.annotations.Nullable ObjectNode template) {
    if (template != null && template.get("spec") instanceof ObjectNode spec) {
      PodDefaults.spec(spec);
    }
  }

  static void absent(ObjectNode object, String field, String value) {
    JsonNode found = object.get(field);
    // Go cannot tell an empty string from an absent one.
    if (found == null || (found.isString() && found.stringValue().isEmpty())) {
      object.put(field, value);
    }
  }

  static void absent(ObjectNode object, String field, int value) {
    if (object.get(field) == null) {
      object.put(field, value);
    }
  }

  static void absent(ObjectNode object, String field, boolean value) {
    if (object.get(field) == null) {
      object.put(field, value);
    }
  }
}
