// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.replicaset;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;

/// The order in which pods of a ReplicaSet are given up, as its documentation states: not yet
/// placed, pending, not ready, cheap (annotation `controller.kubernetes.io/pod-deletion-cost`),
/// sharing a node with many of its kind, shortest ready, most often restarted, youngest.
final class PodRanking {
  private static final String COST = "controller.kubernetes.io/pod-deletion-cost";

  private PodRanking() {}

  /// @param related pods that count as "of its kind" when it comes to sharing a node
  static Comparator<Pod> leastMissedFirst(Collection<Pod> related) {
    Map<String, Integer> onNode = new HashMap<>();
    for (Pod pod : related) {
      if (Pods.isActive(pod) && Pods.isAssigned(pod)) {
        onNode.merge(pod.getSpec().getNodeName(), 1, Integer::sum);
      }
    }
    return Comparator.comparing(Pods::isAssigned)
        .thenComparingInt(PodRanking::phaseRank)
        .thenComparing(Pods::isReady)
        .thenComparingInt(PodRanking::cost)
        .thenComparingInt(pod -> -onNode.getOrDefault(pod.getSpec().getNodeName(), 0))
        .thenComparing(pod -> Pods.readySince(pod).orElse(Instant.EPOCH), Comparator.reverseOrder())
        .thenComparingInt(pod -> -Pods.restarts(pod))
        .thenComparing(Pods::created, Comparator.reverseOrder())
        .thenComparing(pod -> pod.getMetadata().getName());
  }

  private static int phaseRank(Pod pod) {
    return switch (Pods.phase(pod)) {
      case "Pending" -> 0;
      case "Running" -> 2;
      default -> 1;
    };
  }

  private static int cost(Pod pod) {
    String text = LabelSelectors.annotations(pod).get(COST);
    try {
      return text == null ? 0 : Integer.parseInt(text);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
