// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// The EndpointSlices of one Service that selects pods. Pure.
final class SlicePlan {
  static final String MANAGER = "endpointslice-controller.k8s.io";

  private final Service service;
  private final Map<String, Node> nodes;

  private SlicePlan(Service service, Map<String, Node> nodes) {
    this.service = service;
    this.nodes = nodes;
  }

  /// @param pods the pods the Service selects
  /// @param nodes all nodes by name, for their zones
  /// @param present the slices of this Service that this controller manages
  /// @param triggered when what is new happened, as Kubernetes writes times
  static List<SlicePacking.Step> steps(
      Service service,
      Collection<Pod> pods,
      Map<String, Node> nodes,
      Collection<EndpointSlice> present,
      Optional<String> triggered) {
    SlicePlan plan = new SlicePlan(service, nodes);
    List<EndpointSlice> standing =
        present.stream().filter(each -> !Owners.isBeingDeleted(each)).toList();
    // The image has no order of its own; with one, hints stay where they are.
    List<Pod> sorted = new ArrayList<>(pods);
    sorted.sort(Comparator.comparing(pod -> pod.getMetadata().getName()));
    Map<SlicePacking.Group, Map<String, Endpoint>> wanted = new LinkedHashMap<>();
    for (String family : ServicePods.families(service)) {
      wanted.putAll(plan.wanted(family, sorted));
    }
    return SlicePacking.steps(plan.common(triggered), SlicePlan::uid, wanted, standing);
  }

  private static String uid(Endpoint endpoint) {
    return endpoint.getTargetRef() == null ? "" : endpoint.getTargetRef().getUid();
  }

  private Map<SlicePacking.Group, Map<String, Endpoint>> wanted(String family, List<Pod> pods) {
    Map<SlicePacking.Group, Map<String, Endpoint>> wanted = new LinkedHashMap<>();
    List<Endpoint> all = new ArrayList<>();
    for (Pod pod : pods) {
      Optional<String> address = ServicePods.address(pod, family);
      if (address.isPresent()) {
        Endpoint endpoint = endpoint(pod, address.get());
        all.add(endpoint);
        wanted
            .computeIfAbsent(new SlicePacking.Group(family, ports(pod)), g -> new LinkedHashMap<>())
            .put(pod.getMetadata().getUid(), endpoint);
      }
    }
    if (wanted.isEmpty()) {
      wanted.put(new SlicePacking.Group(family, List.of()), new LinkedHashMap<>());
    }
    TopologyHints.give(service, all, nodes.values());
    return wanted;
  }

  private List<EndpointPort> ports(Pod pod) {
    List<EndpointPort> ports = new ArrayList<>();
    for (ServicePort port : ServicePods.ports(service)) {
      ServicePods.target(port, pod)
          .ifPresent(number ->
              ports.add(
                  new EndpointPortBuilder()
                      .withName(Objects.requireNonNullElse(port.getName(), ""))
                      .withProtocol(ServicePods.protocol(port))
                      .withPort(number)
                      .withAppProtocol(port.getAppProtocol())
                      .build()));
    }
    return ports;
  }

  private Endpoint endpoint(Pod pod, String address) {
    boolean serving = Pods.isReady(pod);
    boolean terminating = Owners.isBeingDeleted(pod);
    String node = pod.getSpec().getNodeName();
    return new EndpointBuilder()
        .withAddresses(address)
        .withNewConditions()
        .withReady(ServicePods.publishesNotReady(service) || (serving && !terminating))
        .withServing(serving)
        .withTerminating(terminating)
        .endConditions()
        .withHostname(ServicePods.hostname(service, pod).orElse(null))
        .withNodeName(node)
        .withZone(
            Optional.ofNullable(node)
                .map(nodes::get)
                .map(each -> LabelSelectors.labels(each).get(TopologyHints.ZONE))
                .orElse(null))
        .withNewTargetRef()
        .withKind("Pod")
        .withNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .withUid(pod.getMetadata().getUid())
        .endTargetRef()
        .build();
  }

  private ObjectMeta common(Optional<String> triggered) {
    Map<String, String> labels = ServicePods.labels(service);
    labels.put(SlicePacking.SERVICE_NAME, service.getMetadata().getName());
    labels.put(SlicePacking.MANAGED_BY, MANAGER);
    Map<String, String> annotations = new HashMap<>();
    triggered.ifPresent(time -> annotations.put(SlicePacking.TRIGGER_TIME, time));
    return new ObjectMetaBuilder()
        .withNamespace(service.getMetadata().getNamespace())
        .withGenerateName(Pods.namePrefix(service.getMetadata().getName()))
        .withLabels(labels)
        .withAnnotations(annotations)
        .withOwnerReferences(Owners.controllerReference(service))
        .build();
  }
}
