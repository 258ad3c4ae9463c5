// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static dev.fairway.apimachinery.Defaults.absent;

import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Defaults of pod specs, in pods and in templates.
final class PodDefaults {
  private static final int FILE_MODE = 420;

  private PodDefaults() {}

  static void spec(ObjectNode spec) {
    absent(spec, "dnsPolicy", "ClusterFirst");
    absent(spec, "restartPolicy", "Always");
    absent(spec, "schedulerName", "default-scheduler");
    absent(spec, "terminationGracePeriodSeconds", 30);
    absent(spec, "enableServiceLinks", true);
    Trees.child(spec, "securityContext");
    // Two names of one field; the older one is kept for readers that know only it.
    String account = Trees.text(spec, "serviceAccountName");
    String older = Trees.text(spec, "serviceAccount");
    if (!account.isEmpty()) {
      spec.put("serviceAccount", account);
    } else if (!older.isEmpty()) {
      spec.put("serviceAccountName", older);
    }
    boolean hostNetwork = Trees.flag(spec, "hostNetwork");
    for (String list : new String[] {"initContainers", "containers", "ephemeralContainers"}) {
      for (JsonNode item : Trees.items(spec, list)) {
        if (item instanceof ObjectNode container) {
          container(container, hostNetwork);
        }
      }
    }
    for (JsonNode item : Trees.items(spec, "volumes")) {
      if (item instanceof ObjectNode volume) {
        volume(volume);
      }
    }
    for (JsonNode item : Trees.items(spec, "topologySpreadConstraints")) {
      if (item instanceof ObjectNode constraint) {
        absent(constraint, "nodeAffinityPolicy", "Honor");
        absent(constraint, "nodeTaintsPolicy", "Ignore");
      }
    }
  }

  /// A limit without a request is the request too. Only pods have this, templates stay as written.
  static void requestsFromLimits(ObjectNode spec) {
    for (String list : new String[] {"initContainers", "containers"}) {
      for (JsonNode container : Trees.items(spec, list)) {
        ObjectNode limits = Trees.objectAt(container, "resources", "limits");
        if (limits == null || limits.isEmpty()) {
          continue;
        }
        ObjectNode requests =
            Trees.child(Trees.child((ObjectNode) container, "resources"), "requests");
        for (Map.Entry<String, JsonNode> limit : limits.properties()) {
          if (requests.get(limit.getKey()) == null) {
            requests.set(limit.getKey(), limit.getValue());
          }
        }
      }
    }
  }

  private static void container(ObjectNode container, boolean hostNetwork) {
    Trees.child(container, "resources");
    absent(container, "terminationMessagePath", "/dev/termination-log");
    absent(container, "terminationMessagePolicy", "File");
    if (!Trees.text(container, "image").isEmpty()) {
      absent(container, "imagePullPolicy", pullPolicy(Trees.text(container, "image")));
    }
    for (JsonNode item : Trees.items(container, "ports")) {
      if (item instanceof ObjectNode port) {
        absent(port, "protocol", "TCP");
        if (hostNetwork && port.get("containerPort") != null && port.get("hostPort") == null) {
          port.set("hostPort", port.get("containerPort"));
        }
      }
    }
    for (JsonNode variable : Trees.items(container, "env")) {
      ObjectNode field = Trees.objectAt(variable, "valueFrom", "fieldRef");
      if (field != null) {
        absent(field, "apiVersion", "v1");
      }
      ObjectNode resource = Trees.objectAt(variable, "valueFrom", "resourceFieldRef");
      if (resource != null) {
        absent(resource, "divisor", "0");
      }
    }
    for (String probe : new String[] {"livenessProbe", "readinessProbe", "startupProbe"}) {
      if (container.get(probe) instanceof ObjectNode found) {
        probe(found);
      }
    }
    for (String hook : new String[] {"postStart", "preStop"}) {
      http(Trees.objectAt(container, "lifecycle", hook));
    }
  }

  /// Without a tag, or with `latest`, an image may change under its name.
  static String pullPolicy(String image) {
    if (image.indexOf('@') >= 0) {
      return "IfNotPresent";
    }
    int colon = image.indexOf(':', image.lastIndexOf('/') + 1);
    return colon < 0 || image.substring(colon + 1).equals("latest") ? "Always" : "IfNotPresent";
  }

  private static void probe(ObjectNode probe) {
    absent(probe, "timeoutSeconds", 1);
    absent(probe, "periodSeconds", 10);
    absent(probe, "successThreshold", 1);
    absent(probe, "failureThreshold", 3);
    http(probe);
    ObjectNode grpc = Trees.objectAt(probe, "grpc");
    if (grpc != null && grpc.get("service") == null) {
      grpc.put("service", "");
    }
  }

  private static void http(@org.jspecify.annotations.Nullable ObjectNode handler) {
    ObjectNode get = Trees.objectAt(handler, "httpGet");
    if (get != null) {
      absent(get, "path", "/");
      absent(get, "scheme", "HTTP");
    }
  }

  private static void volume(ObjectNode volume) {
    if (volume.size() == 1) {
      volume.putObject("emptyDir");
    }
    for (String source : new String[] {"secret", "configMap", "downwardAPI", "projected"}) {
      if (volume.get(source) instanceof ObjectNode found) {
        absent(found, "defaultMode", FILE_MODE);
        downward(found);
      }
    }
    ObjectNode hostPath = Trees.objectAt(volume, "hostPath");
    if (hostPath != null) {
      absent(hostPath, "type", "");
    }
    for (JsonNode source : Trees.items(volume, "projected", "sources")) {
      ObjectNode token = Trees.objectAt(source, "serviceAccountToken");
      if (token != null) {
        absent(token, "expirationSeconds", 3600);
      }
      downward(Trees.objectAt(source, "downwardAPI"));
    }
    ObjectNode claim = Trees.objectAt(volume, "ephemeral", "volumeClaimTemplate", "spec");
    if (claim != null) {
      absent(claim, "volumeMode", "Filesystem");
    }
  }

  private static void downward(@org.jspecify.annotations.Nullable ObjectNode source) {
    for (JsonNode item : Trees.items(source, "items")) {
      ObjectNode field = Trees.objectAt(item, "fieldRef");
      if (field != null) {
        absent(field, "apiVersion", "v1");
      }
    }
  }
}
