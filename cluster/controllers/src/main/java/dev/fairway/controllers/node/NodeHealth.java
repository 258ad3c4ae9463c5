// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.NodeConditionBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.TaintBuilder;
import io.fabric8.kubernetes.api.model.Toleration;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What follows from a node's conditions. Pure.
final class NodeHealth {
  /// The conditions a kubelet reports; nobody knows them once it is silent.
  private static final Set<String> REPORTED =
      Set.of("Ready", "MemoryPressure", "DiskPressure", "PIDPressure");

  private static final Map<String, String> TAINT_OF_CONDITION =
      Map.of(
          "MemoryPressure", "node.kubernetes.io/memory-pressure",
          "DiskPressure", "node.kubernetes.io/disk-pressure",
          "PIDPressure", "node.kubernetes.io/pid-pressure",
          "NetworkUnavailable", "node.kubernetes.io/network-unavailable");

  private NodeHealth() {}

  /// The node's conditions when its lease has expired, or as they are if they say so already.
  static List<NodeCondition> whenSilent(Node node, Instant now) {
    List<NodeCondition> conditions = new ArrayList<>();
    boolean hasReady = false;
    if (node.getStatus() != null && node.getStatus().getConditions() != null) {
      for (NodeCondition each : node.getStatus().getConditions()) {
        hasReady |= each.getType().equals("Ready");
        conditions.add(
            REPORTED.contains(each.getType()) && !"Unknown".equals(each.getStatus())
                ? new NodeConditionBuilder(each)
                    .withStatus("Unknown")
                    .withReason("NodeStatusUnknown")
                    .withMessage("Kubelet stopped posting node status.")
                    .withLastTransitionTime(Cluster.timestamp(now))
                    .build()
                : each);
      }
    }
    if (!hasReady) {
      conditions.add(
          new NodeConditionBuilder()
              .withType("Ready")
              .withStatus("Unknown")
              .withReason("NodeStatusNeverUpdated")
              .withMessage("Kubelet never posted node status.")
              .withLastTransitionTime(Cluster.timestamp(now))
              .build());
    }
    return conditions;
  }

  /// The node's taints as its conditions ask for them; taints of others stay.
  static List<Taint> taints(Node node, Instant now) {
    List<Taint> wanted = new ArrayList<>();
    Optional<NodeCondition> ready = Taints.condition(node, "Ready");
    String status = ready.map(NodeCondition::getStatus).orElse("");
    switch (status) {
      case "True" -> {}
      case "Unknown" -> {
        wanted.add(Taints.of(Taints.UNREACHABLE, Taints.NO_SCHEDULE));
        wanted.add(Taints.of(Taints.UNREACHABLE, Taints.NO_EXECUTE));
      }
      case "False" -> {
        wanted.add(Taints.of(Taints.NOT_READY, Taints.NO_SCHEDULE));
        wanted.add(Taints.of(Taints.NOT_READY, Taints.NO_EXECUTE));
      }
      default -> wanted.add(Taints.of(Taints.NOT_READY, Taints.NO_SCHEDULE));
    }
    TAINT_OF_CONDITION.forEach((condition, key) -> {
      if (Taints.condition(node, condition)
          .map(each -> "True".equals(each.getStatus()))
          .orElse(false)) {
        wanted.add(Taints.of(key, Taints.NO_SCHEDULE));
      }
    });
    if (node.getSpec() != null && Boolean.TRUE.equals(node.getSpec().getUnschedulable())) {
      wanted.add(Taints.of(Taints.UNSCHEDULABLE, Taints.NO_SCHEDULE));
    }
    return merge(Taints.of(node), wanted, now);
  }

  private static List<Taint> merge(List<Taint> present, List<Taint> wanted, Instant now) {
    List<Taint> merged = new ArrayList<>();
    List<Taint> missing = new ArrayList<>(wanted);
    for (Taint taint : present) {
      boolean still = missing.removeIf(each -> isSame(each, taint));
      if (still || !isOurs(taint)) {
        merged.add(taint);
      }
    }
    for (Taint taint : missing) {
      merged.add(
          taint.getEffect().equals(Taints.NO_EXECUTE)
              ? new TaintBuilder(taint).withTimeAdded(Cluster.timestamp(now)).build()
              : taint);
    }
    return merged;
  }

  private static boolean isSame(Taint a, Taint b) {
    return a.getKey().equals(b.getKey()) && a.getEffect().equals(b.getEffect());
  }

  private static boolean isOurs(Taint taint) {
    return taint.getKey().equals(Taints.NOT_READY)
        || taint.getKey().equals(Taints.UNREACHABLE)
        || taint.getKey().equals(Taints.UNSCHEDULABLE)
        || TAINT_OF_CONDITION.containsValue(taint.getKey());
  }

  /// When a pod has to leave its node because of `NoExecute` taints; empty if it may stay.
  static Optional<Instant> leavesAt(Pod pod, List<Taint> taints, Instant now) {
    Instant earliest = null;
    for (Taint taint : taints) {
      if (Taints.NO_EXECUTE.equals(taint.getEffect())) {
        Optional<Instant> at = leavesAt(pod, taint, now);
        if (at.isPresent() && (earliest == null || at.get().isBefore(earliest))) {
          earliest = at.get();
        }
      }
    }
    return Optional.ofNullable(earliest);
  }

  private static Optional<Instant> leavesAt(Pod pod, Taint taint, Instant now) {
    Instant since = taint.getTimeAdded() == null ? now : Pods.time(taint.getTimeAdded());
    boolean tolerated = false;
    Instant until = null;
    List<Toleration> tolerations = pod.getSpec().getTolerations();
    if (tolerations != null) {
      for (Toleration each : tolerations) {
        if (Taints.tolerates(each, taint)) {
          tolerated = true;
          if (each.getTolerationSeconds() != null) {
            Instant end = since.plus(Duration.ofSeconds(Math.max(0, each.getTolerationSeconds())));
            until = (until == null || end.isBefore(until)) ? end : until;
          }
        }
      }
    }
    return tolerated ? Optional.ofNullable(until) : Optional.of(now);
  }
}
