// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/// The EndpointSlices of one Service: what is wanted, and how to get there with few writes. Pure.
///
/// Endpoints stay in the slice they are in. New ones fill slices with room, then slices that would
/// be deleted, then new slices.
final class SlicePlan {
  static final String SERVICE_NAME = "kubernetes.io/service-name";
  static final String MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
  static final String MANAGER = "endpointslice-controller.k8s.io";
  static final int MOST_A_SLICE = 100;
  private static final String ZONE = "topology.kubernetes.io/zone";

  /// One thing to do.
  sealed interface Step {
    record Create(EndpointSlice slice) implements Step {}

    record Update(EndpointSlice slice) implements Step {}

    record Delete(EndpointSlice slice) implements Step {}
  }

  private record Group(String family, List<EndpointPort> ports) {}

  private final Service service;
  private final Function<String, Optional<Node>> nodes;
  private final List<Step> steps = new ArrayList<>();

  private SlicePlan(Service service, Function<String, Optional<Node>> nodes) {
    this.service = service;
    this.nodes = nodes;
  }

  /// @param pods the pods the Service selects
  /// @param nodes finds a node by name, for its zone
  /// @param present the slices of this Service that this controller manages
  static List<Step> steps(
      Service service,
      Collection<Pod> pods,
      Function<String, Optional<Node>> nodes,
      Collection<EndpointSlice> present) {
    SlicePlan plan = new SlicePlan(service, nodes);
    List<EndpointSlice> standing =
        present.stream().filter(each -> !Owners.isBeingDeleted(each)).toList();
    List<String> families = ServicePods.families(service);
    for (String family : families) {
      plan.family(
          family,
          pods,
          standing.stream().filter(each -> family.equals(each.getAddressType())).toList());
    }
    standing.stream()
        .filter(each -> !families.contains(each.getAddressType()))
        .forEach(each -> plan.steps.add(new Step.Delete(each)));
    return plan.steps;
  }

  private void family(String family, Collection<Pod> pods, List<EndpointSlice> present) {
    Map<Group, Map<String, Endpoint>> wanted = wanted(family, pods);
    Deque<EndpointSlice> spare = new ArrayDeque<>();
    Map<Group, List<EndpointSlice>> byGroup = new HashMap<>();
    for (EndpointSlice slice : present) {
      Group group = new Group(family, ports(slice));
      if (wanted.containsKey(group)) {
        byGroup.computeIfAbsent(group, g -> new ArrayList<>()).add(slice);
      } else {
        spare.add(slice);
      }
    }
    wanted.forEach((group, endpoints) ->
        group(group, endpoints, byGroup.getOrDefault(group, List.of()), spare));
    spare.forEach(each -> steps.add(new Step.Delete(each)));
  }

  private Map<Group, Map<String, Endpoint>> wanted(String family, Collection<Pod> pods) {
    Map<Group, Map<String, Endpoint>> wanted = new LinkedHashMap<>();
    for (Pod pod : pods) {
      Optional<String> address = ServicePods.address(pod, family);
      if (address.isPresent()) {
        wanted
            .computeIfAbsent(new Group(family, ports(pod)), g -> new LinkedHashMap<>())
            .put(pod.getMetadata().getUid(), endpoint(pod, address.get()));
      }
    }
    if (wanted.isEmpty()) {
      // One slice without endpoints tells "none" apart from "not yet looked at".
      wanted.put(new Group(family, List.of()), new LinkedHashMap<>());
    }
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

  private static List<EndpointPort> ports(EndpointSlice slice) {
    if (slice.getPorts() == null) {
      return List.of();
    }
    // An empty name may come back as none.
    return slice.getPorts().stream()
        .map(port ->
            port.getName() == null ? new EndpointPortBuilder(port).withName("").build() : port)
        .toList();
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
            node == null
                ? null
                : nodes.apply(node).map(each -> LabelSelectors.labels(each).get(ZONE)).orElse(null))
        .withNewTargetRef()
        .withKind("Pod")
        .withNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .withUid(pod.getMetadata().getUid())
        .endTargetRef()
        .build();
  }

  private void group(
      Group group,
      Map<String, Endpoint> endpoints,
      List<EndpointSlice> present,
      Deque<EndpointSlice> spare) {
    Map<String, Endpoint> homeless = new LinkedHashMap<>(endpoints);
    Map<EndpointSlice, List<Endpoint>> contents = new LinkedHashMap<>();
    for (EndpointSlice slice : present) {
      List<Endpoint> kept = new ArrayList<>();
      for (Endpoint each : slice.getEndpoints()) {
        String uid = each.getTargetRef() == null ? "" : each.getTargetRef().getUid();
        Endpoint now = homeless.remove(uid);
        if (now != null && kept.size() < MOST_A_SLICE) {
          kept.add(now);
        } else if (now != null) {
          homeless.put(uid, now);
        }
      }
      contents.put(slice, kept);
    }
    Deque<Endpoint> rest = new ArrayDeque<>(homeless.values());
    contents.values().forEach(kept -> fill(kept, rest));
    boolean needsOne = endpoints.isEmpty();
    for (Map.Entry<EndpointSlice, List<Endpoint>> each : contents.entrySet()) {
      if (each.getValue().isEmpty() && !needsOne) {
        spare.add(each.getKey());
      } else {
        needsOne = false;
        update(group, each.getKey(), each.getValue());
      }
    }
    while (!rest.isEmpty() || needsOne) {
      needsOne = false;
      List<Endpoint> content = new ArrayList<>();
      fill(content, rest);
      if (spare.isEmpty()) {
        steps.add(new Step.Create(create(group, content)));
      } else {
        update(group, spare.remove(), content);
      }
    }
  }

  private static void fill(List<Endpoint> content, Deque<Endpoint> rest) {
    while (content.size() < MOST_A_SLICE && !rest.isEmpty()) {
      content.add(rest.remove());
    }
  }

  private void update(Group group, EndpointSlice slice, List<Endpoint> endpoints) {
    Map<String, String> labels = labels();
    if (ports(slice).equals(group.ports)
        && Objects.requireNonNullElse(slice.getEndpoints(), List.of()).equals(endpoints)
        && LabelSelectors.labels(slice).equals(labels)) {
      return;
    }
    steps.add(
        new Step.Update(
            new EndpointSliceBuilder(slice)
                .editMetadata()
                .withLabels(labels)
                .endMetadata()
                .withEndpoints(endpoints)
                .withPorts(group.ports)
                .build()));
  }

  private EndpointSlice create(Group group, List<Endpoint> endpoints) {
    return new EndpointSliceBuilder()
        .withNewMetadata()
        .withNamespace(service.getMetadata().getNamespace())
        .withGenerateName(Pods.namePrefix(service.getMetadata().getName()))
        .withLabels(labels())
        .withOwnerReferences(Owners.controllerReference(service))
        .endMetadata()
        .withAddressType(group.family)
        .withEndpoints(endpoints)
        .withPorts(group.ports)
        .build();
  }

  private Map<String, String> labels() {
    Map<String, String> labels = ServicePods.labels(service);
    labels.put(SERVICE_NAME, service.getMetadata().getName());
    labels.put(MANAGED_BY, MANAGER);
    return labels;
  }
}
