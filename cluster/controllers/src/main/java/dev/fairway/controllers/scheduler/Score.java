// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.NodeSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PreferredSchedulingTerm;
import io.fabric8.kubernetes.api.model.Service;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/// One view of how good a node is for a pod. Raw values are brought to 0..100 over the candidate
/// nodes before they are weighed.
///
/// @param weight how much it counts
/// @param raw the node's value; its unit does not matter
/// @param lessIsBetter whether the node with the smallest value gets 100
record Score(int weight, boolean lessIsBetter, ToDoubleFunction<NodeState> raw) {
  /// Requests assumed for containers that state none, so that they count as something.
  private static final long ASSUMED_CPU_MILLIS = 100;

  private static final long ASSUMED_MEMORY_BYTES = 200L << 20;

  static List<Score> of(Pod pod, Cells cells) {
    TopologySpread preferred = TopologySpread.preferred(pod, cells);
    Amounts needed = Amounts.ofPod(pod.getSpec());
    List<Map<String, String>> selectors = serviceSelectors(pod, cells.services());
    return List.of(
        new Score(3, true, node -> like(pod, selectors, node)),
        new Score(3, true, node -> unwelcome(pod, node)),
        new Score(2, false, node -> preference(pod, node)),
        new Score(2, true, preferred::crowd),
        new Score(1, false, node -> free(needed, node)));
  }

  /// Adds this view's points to each candidate's total.
  void addTo(List<NodeState> candidates, double[] totals) {
    double[] values = new double[totals.length];
    double least = Double.MAX_VALUE;
    double most = -Double.MAX_VALUE;
    for (int i = 0; i < values.length; i++) {
      values[i] = raw.applyAsDouble(candidates.get(i));
      least = Math.min(least, values[i]);
      most = Math.max(most, values[i]);
    }
    if (most <= least) {
      return;
    }
    for (int i = 0; i < values.length; i++) {
      double share = (values[i] - least) / (most - least);
      totals[i] += weight * 100 * (lessIsBetter ? 1 - share : share);
    }
  }

  /// Pods on the node that have the same controller or are behind one of the same Services.
  private static double like(Pod pod, List<Map<String, String>> selectors, NodeState node) {
    Optional<String> controller = Owners.controllerOf(pod).map(owner -> owner.getUid());
    int like = 0;
    for (Pod other : node.pods()) {
      if (Owners.isBeingDeleted(other)
          || !other.getMetadata().getNamespace().equals(pod.getMetadata().getNamespace())) {
        continue;
      }
      boolean same =
          controller.isPresent()
              && Owners.controllerOf(other)
                  .map(owner -> owner.getUid().equals(controller.get()))
                  .orElse(false);
      if (same
          || selectors.stream()
              .anyMatch(each -> LabelSelectors.matchesAll(each, LabelSelectors.labels(other)))) {
        like++;
      }
    }
    return like;
  }

  private static List<Map<String, String>> serviceSelectors(Pod pod, List<Service> services) {
    return services.stream()
        .filter(each -> each.getMetadata().getNamespace().equals(pod.getMetadata().getNamespace()))
        .map(each -> each.getSpec().getSelector())
        .filter(each -> each != null && !each.isEmpty())
        .filter(each -> LabelSelectors.matchesAll(each, LabelSelectors.labels(pod)))
        .toList();
  }

  private static double unwelcome(Pod pod, NodeState node) {
    return node.taints().stream()
        .filter(taint -> Taints.PREFER_NO_SCHEDULE.equals(taint.getEffect()))
        .filter(taint -> !Taints.tolerates(pod.getSpec().getTolerations(), taint))
        .count();
  }

  private static double preference(Pod pod, NodeState node) {
    if (pod.getSpec().getAffinity() == null
        || pod.getSpec().getAffinity().getNodeAffinity() == null) {
      return 0;
    }
    List<PreferredSchedulingTerm> terms =
        pod.getSpec()
            .getAffinity()
            .getNodeAffinity()
            .getPreferredDuringSchedulingIgnoredDuringExecution();
    double sum = 0;
    if (terms != null) {
      for (PreferredSchedulingTerm term : terms) {
        if (NodeSelectors.matches(term.getPreference(), node.node())) {
          sum += term.getWeight();
        }
      }
    }
    return sum;
  }

  /// The share of the node that would be left, processor and memory counting alike.
  private static double free(Amounts needed, NodeState node) {
    return free(needed, node, Amounts.CPU, ASSUMED_CPU_MILLIS)
        + free(needed, node, Amounts.MEMORY, ASSUMED_MEMORY_BYTES);
  }

  private static double free(Amounts needed, NodeState node, String name, long assumed) {
    long allocatable = node.allocatable().get(name);
    if (allocatable <= 0) {
      return 0;
    }
    long used = node.requested().get(name) + Math.max(needed.get(name), assumed);
    // Pods without requests still fill a node.
    long silent = node.pods().size() * assumed / 10;
    return Math.max(0, (double) (allocatable - used - silent) / allocatable);
  }
}
