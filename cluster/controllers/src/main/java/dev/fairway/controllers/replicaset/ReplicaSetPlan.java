// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.replicaset;

import dev.fairway.controllers.objects.Claims;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetCondition;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetConditionBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetStatus;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetStatusBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// What to do next for one ReplicaSet. Pure.
final class ReplicaSetPlan {
  /// How many pods one round creates or deletes at most.
  static final int BURST = 500;

  private ReplicaSetPlan() {}

  /// @param pods all pods of the namespace
  static List<Step> steps(ReplicaSet replicaSet, Collection<Pod> pods, Instant now) {
    Claims<Pod> claims = claims(replicaSet, pods);
    List<Step> steps = new ArrayList<>();
    claims.adopt().forEach(pod -> steps.add(new Step.Adopt(pod)));
    claims.release().forEach(pod -> steps.add(new Step.Release(pod)));
    if (Owners.isBeingDeleted(replicaSet)) {
      return steps;
    }
    List<Pod> active = new ArrayList<>(claims.owned());
    active.addAll(claims.adopt());
    int missing = wanted(replicaSet) - active.size();
    if (missing > 0) {
      steps.add(new Step.CreatePods(Math.min(missing, BURST)));
    } else if (missing < 0) {
      active.sort(PodRanking.leastMissedFirst(active));
      int surplus = Math.min(-missing, BURST);
      steps.add(new Step.DeletePods(List.copyOf(active.subList(0, surplus))));
    }
    untilNextAvailable(replicaSet, active, now)
        .ifPresent(after -> steps.add(new Step.LookAgain(after)));
    return steps;
  }

  private static Claims<Pod> claims(ReplicaSet replicaSet, Collection<Pod> pods) {
    List<Pod> active = pods.stream().filter(Pods::isActive).toList();
    return Claims.of(replicaSet, replicaSet.getSpec().getSelector(), active);
  }

  static int wanted(ReplicaSet replicaSet) {
    Integer replicas = replicaSet.getSpec().getReplicas();
    return replicas == null ? 1 : replicas;
  }

  private static Duration minReady(ReplicaSet replicaSet) {
    Integer seconds = replicaSet.getSpec().getMinReadySeconds();
    return Duration.ofSeconds(seconds == null ? 0 : seconds);
  }

  private static Optional<Duration> untilNextAvailable(
      ReplicaSet replicaSet, List<Pod> active, Instant now) {
    Duration minReady = minReady(replicaSet);
    return active.stream()
        .flatMap(pod -> Pods.readySince(pod).stream())
        .map(since -> Duration.between(now, since.plus(minReady)))
        .filter(Duration::isPositive)
        .min(Duration::compareTo)
        .map(left -> left.plusMillis(1));
  }

  /// The status that follows from the pods.
  ///
  /// @param failure why pods could not be created or deleted in this round
  static ReplicaSetStatus status(
      ReplicaSet replicaSet, Collection<Pod> pods, Optional<Failure> failure, Instant now) {
    List<Pod> owned = claims(replicaSet, pods).owned();
    Duration minReady = minReady(replicaSet);
    Map<String, String> templateLabels =
        (replicaSet.getSpec().getTemplate().getMetadata() == null
                || replicaSet.getSpec().getTemplate().getMetadata().getLabels() == null)
            ? Map.of()
            : replicaSet.getSpec().getTemplate().getMetadata().getLabels();
    int labeled = 0;
    int ready = 0;
    int available = 0;
    for (Pod pod : owned) {
      if (pod.getMetadata().getLabels().entrySet().containsAll(templateLabels.entrySet())) {
        labeled++;
      }
      if (Pods.isReady(pod)) {
        ready++;
        if (Pods.isAvailable(pod, minReady, now)) {
          available++;
        }
      }
    }
    return new ReplicaSetStatusBuilder()
        .withReplicas(owned.size())
        .withFullyLabeledReplicas(orAbsent(labeled))
        .withReadyReplicas(orAbsent(ready))
        .withAvailableReplicas(orAbsent(available))
        .withObservedGeneration(replicaSet.getMetadata().getGeneration())
        .withConditions(conditions(replicaSet, failure, now))
        .build();
  }

  /// Why a round could not do all it planned.
  ///
  /// @param reason `FailedCreate` or `FailedDelete`
  record Failure(String reason, String message) {}

  private static List<ReplicaSetCondition> conditions(
      ReplicaSet replicaSet, Optional<Failure> failure, Instant now) {
    List<ReplicaSetCondition> conditions = new ArrayList<>();
    ReplicaSetCondition present = null;
    if (replicaSet.getStatus() != null && replicaSet.getStatus().getConditions() != null) {
      for (ReplicaSetCondition each : replicaSet.getStatus().getConditions()) {
        if (each.getType().equals("ReplicaFailure")) {
          present = each;
        } else {
          conditions.add(each);
        }
      }
    }
    if (failure.isPresent()) {
      boolean same = present != null && failure.get().reason().equals(present.getReason());
      conditions.add(
          same
              ? present
              : new ReplicaSetConditionBuilder()
                  .withType("ReplicaFailure")
                  .withStatus("True")
                  .withReason(failure.get().reason())
                  .withMessage(failure.get().message())
                  .withLastTransitionTime(
                      now.truncatedTo(java.time.temporal.ChronoUnit.SECONDS).toString())
                  .build());
    }
    return conditions;
  }

  private static Integer orAbsent(int count) {
    return count == 0 ? null : count;
  }

  static boolean sameStatus(ReplicaSetStatus present, ReplicaSetStatus next) {
    if (present == null) {
      return false;
    }
    return Objects.equals(present.getObservedGeneration(), next.getObservedGeneration())
        && count(present.getReplicas()) == count(next.getReplicas())
        && count(present.getFullyLabeledReplicas()) == count(next.getFullyLabeledReplicas())
        && count(present.getReadyReplicas()) == count(next.getReadyReplicas())
        && count(present.getAvailableReplicas()) == count(next.getAvailableReplicas())
        && Objects.requireNonNullElse(present.getConditions(), List.of())
            .equals(next.getConditions());
  }

  private static int count(Integer value) {
    return value == null ? 0 : value;
  }
}
