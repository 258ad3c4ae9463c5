// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.EndpointAddress;
import io.fabric8.kubernetes.api.model.EndpointAddressBuilder;
import io.fabric8.kubernetes.api.model.EndpointPort;
import io.fabric8.kubernetes.api.model.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.EndpointSubset;
import io.fabric8.kubernetes.api.model.EndpointSubsetBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/// The subsets of a Service's Endpoints object: pods grouped by the ports they offer. Pure.
final class EndpointsPlan {
  /// The object becomes too large otherwise; the rest is only in the slices.
  static final int MOST_ADDRESSES = 1000;

  static final String MANAGED_BY = "endpoints.kubernetes.io/managed-by";
  static final String MANAGER = "endpoint-controller";
  static final String OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";

  private EndpointsPlan() {}

  /// What the object should hold.
  ///
  /// @param subsets in a stable order
  /// @param truncated whether addresses were left out
  record Wanted(List<EndpointSubset> subsets, boolean truncated) {}

  private record Group(
      List<EndpointPort> ports, List<EndpointAddress> ready, List<EndpointAddress> notReady) {}

  /// @param pods the pods the Service selects
  static Wanted of(Service service, Collection<Pod> pods) {
    Map<String, Group> groups = new TreeMap<>();
    String family = ServicePods.families(service).get(0);
    List<Pod> sorted = new ArrayList<>(pods);
    sorted.sort(Comparator.comparing(pod -> pod.getMetadata().getName()));
    int addresses = 0;
    boolean truncated = false;
    for (Pod pod : sorted) {
      Optional<String> address = ServicePods.address(pod, family);
      boolean published = ServicePods.publishesNotReady(service);
      if (address.isEmpty() || (Owners.isBeingDeleted(pod) && !published)) {
        continue;
      }
      if (addresses == MOST_ADDRESSES) {
        truncated = true;
        break;
      }
      List<EndpointPort> ports = ports(service, pod);
      if (ports.isEmpty() && !ServicePods.isHeadless(service)) {
        continue;
      }
      addresses++;
      Group group =
          groups.computeIfAbsent(
              key(ports), k -> new Group(ports, new ArrayList<>(), new ArrayList<>()));
      (published || Pods.isReady(pod) ? group.ready : group.notReady)
          .add(address(service, pod, address.get()));
    }
    return new Wanted(groups.values().stream().map(EndpointsPlan::subset).toList(), truncated);
  }

  private static EndpointSubset subset(Group group) {
    Comparator<EndpointAddress> byAddress = Comparator.comparing(EndpointAddress::getIp);
    group.ready.sort(byAddress);
    group.notReady.sort(byAddress);
    return new EndpointSubsetBuilder()
        .withAddresses(group.ready)
        .withNotReadyAddresses(group.notReady)
        .withPorts(group.ports)
        .build();
  }

  private static String key(List<EndpointPort> ports) {
    StringBuilder key = new StringBuilder();
    for (EndpointPort port : ports) {
      key.append(port.getName()).append('/').append(port.getProtocol());
      key.append('/').append(port.getPort()).append(' ');
    }
    return key.toString();
  }

  private static List<EndpointPort> ports(Service service, Pod pod) {
    List<EndpointPort> ports = new ArrayList<>();
    for (ServicePort port : ServicePods.ports(service)) {
      Optional<Integer> number = ServicePods.target(port, pod);
      if (number.isPresent()) {
        ports.add(
            new EndpointPortBuilder()
                .withName("".equals(port.getName()) ? null : port.getName())
                .withProtocol(ServicePods.protocol(port))
                .withPort(number.get())
                .withAppProtocol(port.getAppProtocol())
                .build());
      }
    }
    ports.sort(Comparator.comparing(port -> Objects.requireNonNullElse(port.getName(), "")));
    return ports;
  }

  private static EndpointAddress address(Service service, Pod pod, String ip) {
    return new EndpointAddressBuilder()
        .withIp(ip)
        .withHostname(ServicePods.hostname(service, pod).orElse(null))
        .withNodeName(pod.getSpec().getNodeName())
        .withNewTargetRef()
        .withKind("Pod")
        .withNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .withUid(pod.getMetadata().getUid())
        .endTargetRef()
        .build();
  }
}
