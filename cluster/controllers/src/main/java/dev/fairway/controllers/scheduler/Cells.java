// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// All nodes with their pods, and the Services, at the start of a scheduling round. It takes in the
/// round's own decisions as they are made.
final class Cells {
  private final Map<String, NodeState> nodes = new TreeMap<>();
  private final List<Service> services;

  Cells(Collection<Node> nodes, Collection<Pod> pods, Collection<Service> services) {
    for (Node node : nodes) {
      this.nodes.put(node.getMetadata().getName(), new NodeState(node));
    }
    for (Pod pod : pods) {
      if (Pods.isAssigned(pod) && !Pods.isTerminal(pod)) {
        place(pod, pod.getSpec().getNodeName());
      }
    }
    this.services = List.copyOf(services);
  }

  /// Takes in that a pod runs on a node; a node that is gone is ignored.
  void place(Pod pod, String node) {
    NodeState state = nodes.get(node);
    if (state != null) {
      state.add(pod);
    }
  }

  /// In order of their names, so that ties fall the same way every time.
  Collection<NodeState> nodes() {
    return nodes.values();
  }

  List<Service> services() {
    return services;
  }
}
