// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.quota;

import dev.fairway.apimachinery.PodResources;
import dev.fairway.apimachinery.Quantity;
import dev.fairway.apimachinery.Trees;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// How much of each name in `spec.hard` one object counts for.
public final class QuotaUsage {
  private static final Quantity ONE = Quantity.of(1);
  private static final Set<String> COMPUTE = Set.of("cpu", "memory", "ephemeral-storage");

  /// Kinds that may be counted by their plural alone.
  private static final Set<String> PLAIN =
      Set.of(
          "pods",
          "services",
          "persistentvolumeclaims",
          "replicationcontrollers",
          "resourcequotas",
          "secrets",
          "configmaps");

  private static final String CLASS_PART = ".storageclass.storage.k8s.io/";

  private QuotaUsage() {}

  /// A resource as quotas name it.
  ///
  /// @param group empty for core
  public record Resource(String group, String plural) {
    /// `count/pods`, `count/deployments.apps`.
    String count() {
      return "count/" + plural + (group.isEmpty() ? "" : "." + group);
    }

    private boolean is(String core) {
      return group.isEmpty() && plural.equals(core);
    }
  }

  /// What the object counts for.
  public static Map<String, Quantity> of(Resource resource, JsonNode object) {
    Map<String, Quantity> usage = new LinkedHashMap<>();
    usage.put(resource.count(), ONE);
    if (resource.is("pods")) {
      if (!isEnded(object)) {
        usage.put("pods", ONE);
        pod(object, usage);
      }
      return usage;
    }
    if (resource.group().isEmpty() && PLAIN.contains(resource.plural())) {
      usage.put(resource.plural(), ONE);
    }
    if (resource.is("services")) {
      service(object, usage);
    } else if (resource.is("persistentvolumeclaims")) {
      claim(object, usage);
    }
    return usage;
  }

  /// Which resource the objects are of that a name in `spec.hard` counts.
  public static Resource counted(String name) {
    if (name.startsWith("count/")) {
      String resource = name.substring("count/".length());
      int dot = resource.indexOf('.');
      return dot < 0
          ? new Resource("", resource)
          : new Resource(resource.substring(dot + 1), resource.substring(0, dot));
    }
    if (name.startsWith("services.")) {
      return new Resource("", "services");
    }
    if (name.equals("requests.storage") || name.contains(CLASS_PART)) {
      return new Resource("", "persistentvolumeclaims");
    }
    return new Resource("", PLAIN.contains(name) ? name : "pods");
  }

  private static boolean isEnded(JsonNode pod) {
    String phase = Trees.text(pod, "status", "phase");
    return phase.equals("Succeeded") || phase.equals("Failed");
  }

  private static void pod(JsonNode pod, Map<String, Quantity> usage) {
    JsonNode spec = pod.path("spec");
    PodResources.requests(spec)
        .forEach((name, amount) -> {
          usage.put("requests." + name, amount);
          if (COMPUTE.contains(name) || name.startsWith("hugepages-")) {
            usage.put(name, amount);
          }
        });
    PodResources.limits(spec)
        .forEach((name, amount) -> {
          if (COMPUTE.contains(name)) {
            usage.put("limits." + name, amount);
          }
        });
  }

  private static void service(JsonNode service, Map<String, Quantity> usage) {
    String type = Trees.text(service, "spec", "type");
    long ports = 0;
    long given = 0;
    for (JsonNode port : Trees.items(service, "spec", "ports")) {
      ports++;
      given += Trees.number(port, 0, "nodePort") > 0 ? 1 : 0;
    }
    if (type.equals("NodePort")) {
      usage.put("services.nodeports", Quantity.of(ports));
    } else if (type.equals("LoadBalancer")) {
      JsonNode allocate = Trees.at(service, "spec", "allocateLoadBalancerNodePorts");
      boolean all = allocate == null || allocate.asBoolean();
      usage.put("services.nodeports", Quantity.of(all ? ports : given));
      usage.put("services.loadbalancers", ONE);
    }
  }

  private static void claim(JsonNode claim, Map<String, Quantity> usage) {
    String text = Trees.text(claim, "spec", "resources", "requests", "storage");
    String storageClass = Trees.text(claim, "spec", "storageClassName");
    if (!storageClass.isEmpty()) {
      usage.put(storageClass + CLASS_PART + "persistentvolumeclaims", ONE);
    }
    if (!text.isEmpty()) {
      Quantity amount = Quantity.parse(text);
      usage.put("requests.storage", amount);
      if (!storageClass.isEmpty()) {
        usage.put(storageClass + CLASS_PART + "requests.storage", amount);
      }
    }
  }
}
