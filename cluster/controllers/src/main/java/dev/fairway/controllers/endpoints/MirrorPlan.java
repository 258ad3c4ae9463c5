// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.EndpointAddress;
import io.fabric8.kubernetes.api.model.EndpointSubset;
import io.fabric8.kubernetes.api.model.Endpoints;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The EndpointSlices that say what an Endpoints object written by hand says. Pure.
final class MirrorPlan {
  static final String MANAGER = "endpointslicemirroring-controller.k8s.io";
  static final String SKIP = "endpointslice.kubernetes.io/skip-mirror";

  /// More of one subset are left out.
  static final int MOST_ADDRESSES = 1000;

  private static final String LEADER = "control-plane.alpha.kubernetes.io/leader";
  private static final String LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

  private MirrorPlan() {}

  /// Whether an object is somebody's own description of a Service's endpoints. Those of a Service
  /// with a selector are not, and neither are locks, which older leader elections kept in such
  /// objects.
  static boolean isMirrored(Service service, Endpoints endpoints) {
    Map<String, String> selector = service.getSpec().getSelector();
    return (selector == null || selector.isEmpty())
        && !"true".equals(LabelSelectors.labels(endpoints).get(SKIP))
        && !LabelSelectors.annotations(endpoints).containsKey(LEADER)
        && !Owners.isBeingDeleted(endpoints);
  }

  /// @param present the slices of this name that mirroring made
  static List<SlicePacking.Step> steps(Endpoints endpoints, Collection<EndpointSlice> present) {
    Map<SlicePacking.Group, Map<String, Endpoint>> wanted = new LinkedHashMap<>();
    for (EndpointSubset subset :
        Objects.requireNonNullElse(endpoints.getSubsets(), List.<EndpointSubset>of())) {
      List<EndpointPort> ports = ports(subset);
      int[] room = {MOST_ADDRESSES};
      add(wanted, ports, subset.getAddresses(), true, room);
      add(wanted, ports, subset.getNotReadyAddresses(), false, room);
    }
    String name = endpoints.getMetadata().getName();
    Map<String, String> labels = new HashMap<>(LabelSelectors.labels(endpoints));
    labels.put(SlicePacking.SERVICE_NAME, name);
    labels.put(SlicePacking.MANAGED_BY, MANAGER);
    Map<String, String> annotations = new HashMap<>(LabelSelectors.annotations(endpoints));
    annotations.remove(LAST_APPLIED);
    annotations.remove(SlicePacking.TRIGGER_TIME);
    return SlicePacking.steps(
        new ObjectMetaBuilder()
            .withNamespace(endpoints.getMetadata().getNamespace())
            .withGenerateName(Pods.namePrefix(name))
            .withLabels(labels)
            .withAnnotations(annotations)
            .withOwnerReferences(Owners.controllerReference(endpoints))
            .build(),
        endpoint -> endpoint.getAddresses().getFirst(),
        wanted,
        present.stream().filter(each -> !Owners.isBeingDeleted(each)).toList());
  }

  private static List<EndpointPort> ports(EndpointSubset subset) {
    return Objects.requireNonNullElse(
            subset.getPorts(), List.<io.fabric8.kubernetes.api.model.EndpointPort>of())
        .stream()
        .map(port ->
            new EndpointPortBuilder()
                .withName(Objects.requireNonNullElse(port.getName(), ""))
                .withPort(port.getPort())
                .withProtocol(Objects.requireNonNullElse(port.getProtocol(), "TCP"))
                .withAppProtocol(port.getAppProtocol())
                .build())
        .toList();
  }

  /// @param room how many more addresses the subset may give
  private static void add(
      Map<SlicePacking.Group, Map<String, Endpoint>> wanted,
      List<EndpointPort> ports,
      List<EndpointAddress> addresses,
      boolean ready,
      int[] room) {
    for (EndpointAddress address :
        Objects.requireNonNullElse(addresses, List.<EndpointAddress>of())) {
      if (room[0]-- <= 0) {
        return;
      }
      String family = address.getIp().contains(":") ? "IPv6" : "IPv4";
      Endpoint endpoint =
          new EndpointBuilder()
              .withAddresses(address.getIp())
              .withNewConditions()
              .withReady(ready)
              .endConditions()
              .withHostname(address.getHostname())
              .withNodeName(address.getNodeName())
              .withTargetRef(address.getTargetRef())
              .build();
      wanted
          .computeIfAbsent(new SlicePacking.Group(family, ports), g -> new LinkedHashMap<>())
          .putIfAbsent(address.getIp(), endpoint);
    }
  }
}
