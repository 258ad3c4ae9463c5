// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Taint;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A node and what runs on it, including pods that were only just assigned.
final class NodeState {
  /// A port on the node itself. An empty or zero address stands for all addresses.
  record HostPort(String protocol, String address, int port) {
    boolean conflicts(HostPort other) {
      return port == other.port
          && protocol.equals(other.protocol)
          && (isAny() || other.isAny() || address.equals(other.address));
    }

    private boolean isAny() {
      return address.isEmpty() || address.equals("0.0.0.0") || address.equals("::");
    }
  }

  private final Node node;
  private final Amounts allocatable;
  private final Amounts requested = new Amounts();
  private final List<Pod> pods = new ArrayList<>();
  private final Set<HostPort> ports = new HashSet<>();
  private final List<Taint> taints;

  NodeState(Node node) {
    this.node = node;
    this.allocatable =
        Amounts.of(node.getStatus() == null ? null : node.getStatus().getAllocatable());
    this.taints = new ArrayList<>(Taints.of(node));
    boolean marked =
        taints.stream()
            .anyMatch(each ->
                each.getKey().equals(Taints.NOT_READY) || each.getKey().equals(Taints.UNREACHABLE));
    if (!Taints.isReady(node) && !marked) {
      // The node controller adds the same taint a moment later.
      taints.add(Taints.of(Taints.NOT_READY, Taints.NO_SCHEDULE));
    }
  }

  void add(Pod pod) {
    pods.add(pod);
    requested.add(Amounts.ofPod(pod.getSpec()));
    ports.addAll(portsOf(pod));
  }

  static Set<HostPort> portsOf(Pod pod) {
    Set<HostPort> ports = new HashSet<>();
    for (var container : pod.getSpec().getContainers()) {
      if (container.getPorts() != null) {
        for (ContainerPort port : container.getPorts()) {
          if (port.getHostPort() != null && port.getHostPort() > 0) {
            ports.add(
                new HostPort(
                    Objects.requireNonNullElse(port.getProtocol(), "TCP"),
                    Objects.requireNonNullElse(port.getHostIP(), ""),
                    port.getHostPort()));
          }
        }
      }
    }
    return ports;
  }

  Node node() {
    return node;
  }

  String name() {
    return node.getMetadata().getName();
  }

  Amounts allocatable() {
    return allocatable;
  }

  Amounts requested() {
    return requested;
  }

  List<Pod> pods() {
    return pods;
  }

  Set<HostPort> ports() {
    return ports;
  }

  List<Taint> taints() {
    return taints;
  }

  @Nullable String label(String key) {
    return LabelSelectors.labels(node).get(key);
  }
}
