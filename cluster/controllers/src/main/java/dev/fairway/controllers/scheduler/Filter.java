// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.objects.NodeSelectors;
import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Taint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Says why a node cannot run a pod; an empty list means it can. The wording is what users of
/// Kubernetes search for.
@FunctionalInterface
interface Filter {
  List<String> reasons(NodeState node);

  /// All filters for one pod, in the order in which they are asked. The first that objects gives
  /// the reasons for that node.
  static List<Filter> of(Pod pod, Cells cells) {
    PodAffinity affinity = new PodAffinity(pod, cells);
    TopologySpread spread = TopologySpread.required(pod, cells);
    Amounts needed = Amounts.ofPod(pod.getSpec());
    Set<NodeState.HostPort> ports = NodeState.portsOf(pod);
    return List.of(
        node -> schedulable(pod, node),
        node -> untainted(pod, node),
        node ->
            NodeSelectors.matches(pod.getSpec(), node.node())
                ? List.of()
                : List.of("node(s) didn't match Pod's node affinity/selector"),
        node -> freePorts(ports, node),
        node -> fits(needed, node),
        spread::reasons,
        affinity::reasons);
  }

  private static List<String> schedulable(Pod pod, NodeState node) {
    boolean cordoned =
        node.node().getSpec() != null
            && Boolean.TRUE.equals(node.node().getSpec().getUnschedulable());
    Taint taint = Taints.of(Taints.UNSCHEDULABLE, Taints.NO_SCHEDULE);
    return (cordoned && !Taints.tolerates(pod.getSpec().getTolerations(), taint))
        ? List.of("node(s) were unschedulable")
        : List.of();
  }

  private static List<String> untainted(Pod pod, NodeState node) {
    for (Taint taint : node.taints()) {
      if (!Taints.PREFER_NO_SCHEDULE.equals(taint.getEffect())
          && !Taints.tolerates(pod.getSpec().getTolerations(), taint)) {
        String value = taint.getValue() == null ? "" : taint.getValue();
        return List.of("node(s) had untolerated taint {" + taint.getKey() + ": " + value + "}");
      }
    }
    return List.of();
  }

  private static List<String> freePorts(Set<NodeState.HostPort> wanted, NodeState node) {
    for (NodeState.HostPort port : wanted) {
      for (NodeState.HostPort used : node.ports()) {
        if (port.conflicts(used)) {
          return List.of("node(s) didn't have free ports for the requested pod ports");
        }
      }
    }
    return List.of();
  }

  private static List<String> fits(Amounts needed, NodeState node) {
    List<String> reasons = new ArrayList<>();
    if (node.pods().size() + 1 > node.allocatable().get(Amounts.PODS)) {
      reasons.add("Too many pods");
    }
    for (Map.Entry<String, Long> each : needed.byName().entrySet()) {
      String name = each.getKey();
      long free = node.allocatable().get(name) - node.requested().get(name);
      if (each.getValue() > 0 && each.getValue() > free) {
        reasons.add("Insufficient " + name);
      }
    }
    return reasons;
  }
}
