// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import dev.fairway.apimachinery.FieldValidation;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.Registry.Part;
import dev.fairway.apiserver.registry.Warnings;
import dev.fairway.apiserver.registry.WriteOptions;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The objects every cluster has: its namespaces, and the Service that leads to the API itself.
final class Bootstrap {
  private static final Logger LOG = LoggerFactory.getLogger(Bootstrap.class);
  static final List<String> NAMESPACES =
      List.of("default", "kube-system", "kube-public", "kube-node-lease");
  private static final String NAME = "kubernetes";
  private static final String RBAC = "rbac.authorization.k8s.io";
  private static final WriteOptions OPTIONS =
      new WriteOptions(
          Identity.SERVER,
          false,
          FieldValidation.IGNORE,
          Optional.of("kube-apiserver"),
          "",
          new Warnings());

  private final Registry registry;
  private final ApiServerConfig config;
  private final int port;

  Bootstrap(Registry registry, ApiServerConfig config, int port) {
    this.registry = registry;
    this.config = config;
    this.port = port;
  }

  /// Puts back what someone deleted; trouble is logged, as the next turn tries again.
  void keep() {
    try {
      run();
    } catch (RuntimeException e) {
      LOG.warn("the cluster's own objects are not all there", e);
    }
  }

  void run() {
    for (String name : NAMESPACES) {
      ensure("", "Namespace", "", object("", "Namespace", name));
    }
    ensure(RBAC, "ClusterRole", "", clusterAdmin());
    ensure(
        "scheduling.k8s.io",
        "PriorityClass",
        "",
        priority(
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node."));
    ensure(
        "scheduling.k8s.io",
        "PriorityClass",
        "",
        priority(
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to"
                + " another node if necessary."));
    ensure("", "Service", "default", service());
    ensure("", "Endpoints", "default", endpoints());
    ensure("discovery.k8s.io", "EndpointSlice", "default", endpointSlice());
  }

  /// Creates the object; if it is there with other content, as after a change of address, all but
  /// its metadata is replaced.
  private void ensure(String group, String kindName, String namespace, ObjectNode wanted) {
    Kind kind = Registry.builtin(group, kindName);
    String name = Trees.text(wanted, "metadata", "name");
    ObjectNode present = registry.get(group, kindName, namespace, name);
    if (present == null) {
      try {
        registry.create(kind, namespace, wanted, OPTIONS);
      } catch (StatusException raced) {
        if (raced.code() != 409) {
          throw raced;
        }
      }
      return;
    }
    boolean addresses = kindName.startsWith("Endpoint");
    if (addresses) {
      registry.update(
          kind,
          namespace,
          name,
          Part.SPEC,
          OPTIONS,
          current -> {
            ObjectNode changed = Trees.copy(wanted);
            changed.set("metadata", current.get("metadata"));
            return changed;
          });
    }
  }

  private static ObjectNode object(String group, String kindName, String name) {
    Kind kind = Registry.builtin(group, kindName);
    ObjectNode object = Trees.object();
    object.put("kind", kind.kind()).put("apiVersion", kind.apiVersion());
    object.putObject("metadata").put("name", name);
    return object;
  }

  private static ObjectNode priority(String name, int value, String description) {
    return object("scheduling.k8s.io", "PriorityClass", name)
        .put("value", value)
        .put("description", description);
  }

  /// The role people bind to whom they trust with everything.
  private static ObjectNode clusterAdmin() {
    ObjectNode role = object(RBAC, "ClusterRole", "cluster-admin");
    ArrayNode rules = role.putArray("rules");
    ObjectNode everything = rules.addObject();
    for (String field : List.of("apiGroups", "resources", "verbs")) {
      everything.putArray(field).add("*");
    }
    ObjectNode everywhere = rules.addObject();
    for (String field : List.of("nonResourceURLs", "verbs")) {
      everywhere.putArray(field).add("*");
    }
    return role;
  }

  private ObjectNode service() {
    ObjectNode service = object("", "Service", NAME);
    Trees.child(service, "metadata")
        .putObject("labels")
        .put("component", "apiserver")
        .put("provider", "kubernetes");
    ObjectNode spec = service.putObject("spec");
    spec.put("clusterIP", config.serviceRanges().getFirst().at(1).toString());
    spec.putArray("ports")
        .addObject()
        .put("name", "https")
        .put("protocol", "TCP")
        .put("port", 443)
        .put("targetPort", port);
    return service;
  }

  private ObjectNode endpoints() {
    ObjectNode endpoints = object("", "Endpoints", NAME);
    // Keeps the controller that mirrors Endpoints into slices away; the slice is made below.
    Trees.child(endpoints, "metadata")
        .putObject("labels")
        .put("endpointslice.kubernetes.io/skip-mirror", "true");
    ObjectNode subset = endpoints.putArray("subsets").addObject();
    subset.putArray("addresses").addObject().put("ip", config.advertiseAddress().toString());
    subset
        .putArray("ports")
        .addObject()
        .put("name", "https")
        .put("port", port)
        .put("protocol", "TCP");
    return endpoints;
  }

  private ObjectNode endpointSlice() {
    ObjectNode slice = object("discovery.k8s.io", "EndpointSlice", NAME);
    Trees.child(slice, "metadata").putObject("labels").put("kubernetes.io/service-name", NAME);
    IpAddress address = config.advertiseAddress();
    slice.put("addressType", address.family() == IpFamily.IPV4 ? "IPv4" : "IPv6");
    ObjectNode endpoint = slice.putArray("endpoints").addObject();
    endpoint.putArray("addresses").add(address.toString());
    endpoint.putObject("conditions").put("ready", true);
    slice
        .putArray("ports")
        .addObject()
        .put("name", "https")
        .put("port", port)
        .put("protocol", "TCP");
    return slice;
  }
}
