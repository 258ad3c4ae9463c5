// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodIP;
import io.fabric8.kubernetes.api.model.PodSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What policies need to know of a pod that has a network of its own and has not ended.
///
/// @param node where it runs; empty while it is not scheduled
record PodFacts(
    ObjectKey key,
    String uid,
    String node,
    Map<String, String> labels,
    List<IpAddress> addresses,
    List<NamedPort> ports) {
  /// A port of a container that has a name.
  record NamedPort(String name, Protocol protocol, int number) {}

  PodFacts {
    labels = Map.copyOf(labels);
    addresses = List.copyOf(addresses);
    ports = List.copyOf(ports);
  }

  /// Empty for a pod on the host's network and for one that has ended: its address may be
  /// another's.
  static Optional<PodFacts> of(Pod pod) {
    PodSpec spec = pod.getSpec();
    String phase = pod.getStatus() == null ? null : pod.getStatus().getPhase();
    if (spec == null
        || Boolean.TRUE.equals(spec.getHostNetwork())
        || "Succeeded".equals(phase)
        || "Failed".equals(phase)) {
      return Optional.empty();
    }
    return Optional.of(
        new PodFacts(
            ObjectKey.of(pod),
            text(pod.getMetadata().getUid()),
            text(spec.getNodeName()),
            Selector.labels(pod.getMetadata().getLabels()),
            addresses(pod),
            ports(spec)));
  }

  private static String text(@Nullable String text) {
    return text == null ? "" : text;
  }

  private static List<IpAddress> addresses(Pod pod) {
    List<IpAddress> addresses = new ArrayList<>();
    if (pod.getStatus() == null) {
      return addresses;
    }
    List<PodIP> told = Objects.requireNonNullElse(pod.getStatus().getPodIPs(), List.of());
    List<String> texts =
        told.isEmpty()
            ? pod.getStatus().getPodIP() == null ? List.of() : List.of(pod.getStatus().getPodIP())
            : told.stream()
                .filter(Objects::nonNull)
                .map(PodIP::getIp)
                .filter(Objects::nonNull)
                .toList();
    for (String text : texts) {
      try {
        addresses.add(IpAddress.parse(text));
      } catch (IllegalArgumentException e) {
        // What is no address cannot send or be sent to.
      }
    }
    return addresses;
  }

  private static List<NamedPort> ports(PodSpec spec) {
    List<Container> containers = new ArrayList<>(spec.getContainers());
    // Sidecars are among them.
    containers.addAll(Objects.requireNonNullElse(spec.getInitContainers(), List.of()));
    List<NamedPort> ports = new ArrayList<>();
    for (Container container : containers) {
      for (ContainerPort port :
          Objects.requireNonNullElse(container.getPorts(), List.<ContainerPort>of())) {
        if (port == null) {
          continue;
        }
        Optional<Protocol> protocol = PolicyReader.protocol(port.getProtocol());
        if (port.getName() != null && port.getContainerPort() != null && protocol.isPresent()) {
          ports.add(new NamedPort(port.getName(), protocol.get(), port.getContainerPort()));
        }
      }
    }
    return ports;
  }

  List<Integer> numbers(Ports.Named wanted) {
    return ports.stream()
        .filter(port ->
            port.name().equals(wanted.name())
                && port.protocol() == wanted.protocol()
                && port.number() > 0
                && port.number() < 65536)
        .map(NamedPort::number)
        .toList();
  }

  PodFacts with(List<IpAddress> others) {
    return new PodFacts(key, uid, node, labels, others, ports);
  }
}
