// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.NodeSelectors;
import dev.fairway.controllers.objects.Owners;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.TopologySpreadConstraint;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// `topologySpreadConstraints`: how evenly a pod's like are spread over zones, hosts and so on.
final class TopologySpread {
  /// @param counts matching pods by the value of the topology key, over nodes the pod may use
  private record Spread(
      TopologySpreadConstraint constraint, Map<String, Integer> counts, int self) {
    int least() {
      Integer minDomains = constraint.getMinDomains();
      if (minDomains != null && counts.size() < minDomains) {
        return 0;
      }
      return counts.values().stream().mapToInt(Integer::intValue).min().orElse(0);
    }
  }

  private final List<Spread> spreads = new ArrayList<>();

  private TopologySpread(Pod pod, Cells cells, String whenUnsatisfiable) {
    if (pod.getSpec().getTopologySpreadConstraints() == null) {
      return;
    }
    for (TopologySpreadConstraint each : pod.getSpec().getTopologySpreadConstraints()) {
      if (whenUnsatisfiable.equals(each.getWhenUnsatisfiable())) {
        int self = LabelSelectors.matches(each.getLabelSelector(), pod) ? 1 : 0;
        spreads.add(new Spread(each, count(each, pod, cells), self));
      }
    }
  }

  /// The constraints that a node must satisfy.
  static TopologySpread required(Pod pod, Cells cells) {
    return new TopologySpread(pod, cells, "DoNotSchedule");
  }

  /// The constraints that make a node better or worse.
  static TopologySpread preferred(Pod pod, Cells cells) {
    return new TopologySpread(pod, cells, "ScheduleAnyway");
  }

  private static Map<String, Integer> count(
      TopologySpreadConstraint constraint, Pod pod, Cells cells) {
    Map<String, Integer> counts = new HashMap<>();
    for (NodeState node : cells.nodes()) {
      String value = node.label(constraint.getTopologyKey());
      if (value != null && NodeSelectors.matches(pod.getSpec(), node.node())) {
        int like = 0;
        for (Pod other : node.pods()) {
          if (other.getMetadata().getNamespace().equals(pod.getMetadata().getNamespace())
              && !Owners.isBeingDeleted(other)
              && LabelSelectors.matches(constraint.getLabelSelector(), other)) {
            like++;
          }
        }
        counts.merge(value, like, Integer::sum);
      }
    }
    return counts;
  }

  List<String> reasons(NodeState node) {
    for (Spread spread : spreads) {
      String value = node.label(spread.constraint.getTopologyKey());
      if (value == null) {
        return List.of(
            "node(s) didn't match pod topology spread constraints (missing required label)");
      }
      int skew = spread.counts.getOrDefault(value, 0) + spread.self - spread.least();
      if (skew > spread.constraint.getMaxSkew()) {
        return List.of("node(s) didn't match pod topology spread constraints");
      }
    }
    return List.of();
  }

  boolean isEmpty() {
    return spreads.isEmpty();
  }

  /// How many like pods share the node's places; fewer is better.
  double crowd(NodeState node) {
    double crowd = 0;
    for (Spread spread : spreads) {
      String value = node.label(spread.constraint.getTopologyKey());
      crowd += value == null ? Integer.MAX_VALUE : spread.counts.getOrDefault(value, 0);
    }
    return crowd;
  }
}
