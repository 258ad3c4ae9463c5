// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import io.fabric8.kubernetes.api.model.Pod;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Chooses a node for a pod. Pure: the same pod and cluster give the same answer.
final class Scheduling {
  private Scheduling() {}

  static Decision decide(Pod pod, Cells cells) {
    if (cells.nodes().isEmpty()) {
      return new Decision.Unschedulable("no nodes available to schedule pods");
    }
    List<Filter> filters = Filter.of(pod, cells);
    List<NodeState> candidates = new ArrayList<>();
    Map<String, Integer> refusals = new TreeMap<>();
    for (NodeState node : cells.nodes()) {
      List<String> reasons = reasons(filters, node);
      if (reasons.isEmpty()) {
        candidates.add(node);
      }
      reasons.forEach(reason -> refusals.merge(reason, 1, Integer::sum));
    }
    return candidates.isEmpty()
        ? new Decision.Unschedulable(message(cells.nodes().size(), refusals))
        : new Decision.Bind(best(pod, candidates, cells).name());
  }

  private static List<String> reasons(List<Filter> filters, NodeState node) {
    for (Filter filter : filters) {
      List<String> reasons = filter.reasons(node);
      if (!reasons.isEmpty()) {
        return reasons;
      }
    }
    return List.of();
  }

  private static String message(int nodes, Map<String, Integer> refusals) {
    List<String> counted = new ArrayList<>();
    refusals.forEach((reason, count) -> counted.add(count + " " + reason));
    counted.sort(null);
    return "0/" + nodes + " nodes are available: " + String.join(", ", counted) + ".";
  }

  private static NodeState best(Pod pod, List<NodeState> candidates, Cells cells) {
    if (candidates.size() == 1) {
      return candidates.get(0);
    }
    double[] totals = new double[candidates.size()];
    for (Score score : Score.of(pod, cells)) {
      score.addTo(candidates, totals);
    }
    int best = 0;
    for (int i = 1; i < totals.length; i++) {
      boolean better = totals[i] > totals[best];
      boolean emptier =
          totals[i] == totals[best]
              && candidates.get(i).pods().size() < candidates.get(best).pods().size();
      if (better || emptier) {
        best = i;
      }
    }
    return candidates.get(best);
  }
}
