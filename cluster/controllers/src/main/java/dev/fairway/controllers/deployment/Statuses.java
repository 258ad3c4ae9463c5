// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import static dev.fairway.controllers.deployment.Rollout.number;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentCondition;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatus;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatusBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetCondition;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/// The status of a Deployment, from its ReplicaSets' statuses.
final class Statuses {
  /// What the field's documentation calls "no deadline".
  private static final int NO_DEADLINE = Integer.MAX_VALUE;

  private final Rollout rollout;
  private final Deployment deployment;
  private final Instant now;

  Statuses(Rollout rollout, Instant now) {
    this.rollout = rollout;
    this.deployment = rollout.deployment();
    this.now = now;
  }

  /// @param created the ReplicaSet being created by the same plan, if any
  DeploymentStatus next(Optional<ReplicaSet> created, int collisions) {
    DeploymentStatus present = present();
    DeploymentStatus counts = counts(collisions);
    Conditions conditions = new Conditions(present, Cluster.timestamp(now));
    availability(conditions, counts);
    if (hasDeadline()) {
      progress(conditions, present, counts, created);
    } else {
      conditions.remove("Progressing");
    }
    failure(conditions);
    counts.setConditions(conditions.list());
    return counts;
  }

  private DeploymentStatus present() {
    return deployment.getStatus() == null ? new DeploymentStatus() : deployment.getStatus();
  }

  private DeploymentStatus counts(int collisions) {
    int pods = 0;
    int ready = 0;
    int available = 0;
    for (ReplicaSet each : rollout.all()) {
      pods += Rollout.pods(each);
      ready += Rollout.ready(each);
      available += Rollout.available(each);
    }
    int unavailable = Math.max(0, Sizes.total(rollout.all()) - available);
    // Zero counts are left out, as the type's omitempty has it.
    return new DeploymentStatusBuilder()
        .withObservedGeneration(deployment.getMetadata().getGeneration())
        .withReplicas(orAbsent(pods))
        .withUpdatedReplicas(orAbsent(rollout.current().map(Rollout::pods).orElse(0)))
        .withReadyReplicas(orAbsent(ready))
        .withAvailableReplicas(orAbsent(available))
        .withUnavailableReplicas(orAbsent(unavailable))
        .withCollisionCount(orAbsent(collisions))
        .build();
  }

  private static Integer orAbsent(int count) {
    return count == 0 ? null : count;
  }

  private void availability(Conditions conditions, DeploymentStatus counts) {
    if (number(counts.getAvailableReplicas(), 0) >= rollout.wanted() - rollout.maxUnavailable()) {
      conditions.set(
          "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.");
    } else {
      conditions.set(
          "Available",
          "False",
          "MinimumReplicasUnavailable",
          "Deployment does not have minimum availability.");
    }
  }

  private void progress(
      Conditions conditions,
      DeploymentStatus present,
      DeploymentStatus counts,
      Optional<ReplicaSet> created) {
    if (created.isPresent()) {
      conditions.set(
          "Progressing",
          "True",
          "NewReplicaSetCreated",
          "Created new replica set \"" + created.get().getMetadata().getName() + "\"");
      return;
    }
    String subject =
        rollout
            .current()
            .map(rs -> "ReplicaSet \"" + rs.getMetadata().getName() + "\"")
            .orElse("Deployment \"" + deployment.getMetadata().getName() + "\"");
    if (isPaused()) {
      conditions.set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused");
      return;
    }
    if (conditions.hasReason("Progressing", "DeploymentPaused")) {
      conditions.set("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
    }
    if (conditions.get("Progressing").isEmpty() && rollout.current().isPresent()) {
      conditions.set(
          "Progressing",
          "True",
          "FoundNewReplicaSet",
          "Found new replica set \"" + rollout.current().get().getMetadata().getName() + "\"");
    }
    boolean wasComplete =
        number(counts.getReplicas(), 0) == number(counts.getUpdatedReplicas(), 0)
            && conditions.hasReason("Progressing", "NewReplicaSetAvailable");
    if (wasComplete) {
      return;
    }
    if (isComplete(counts)) {
      conditions.set(
          "Progressing",
          "True",
          "NewReplicaSetAvailable",
          subject + " has successfully progressed.");
    } else if (moved(present, counts)) {
      conditions.replace("Progressing", "True", "ReplicaSetUpdated", subject + " is progressing.");
    } else if (untilDeadline(conditions).map(Duration::isNegative).orElse(false)) {
      conditions.set(
          "Progressing",
          "False",
          "ProgressDeadlineExceeded",
          subject + " has timed out progressing.");
    }
  }

  private void failure(Conditions conditions) {
    Optional<ReplicaSetCondition> failure =
        rollout.all().stream()
            .filter(rs -> rs.getStatus() != null && rs.getStatus().getConditions() != null)
            .flatMap(rs -> rs.getStatus().getConditions().stream())
            .filter(c -> c.getType().equals("ReplicaFailure"))
            .findFirst();
    if (failure.isPresent()) {
      ReplicaSetCondition c = failure.get();
      conditions.set("ReplicaFailure", c.getStatus(), c.getReason(), c.getMessage());
    } else {
      conditions.remove("ReplicaFailure");
    }
  }

  /// Whether every wanted pod is of the present template and available, and no other is left.
  boolean isComplete(DeploymentStatus counts) {
    return number(counts.getUpdatedReplicas(), 0) == rollout.wanted()
        && number(counts.getReplicas(), 0) == rollout.wanted()
        && number(counts.getAvailableReplicas(), 0) == rollout.wanted();
  }

  private static boolean moved(DeploymentStatus before, DeploymentStatus after) {
    int updatedBefore = number(before.getUpdatedReplicas(), 0);
    int updatedAfter = number(after.getUpdatedReplicas(), 0);
    return updatedAfter > updatedBefore
        || number(after.getReplicas(), 0) - updatedAfter
            < number(before.getReplicas(), 0) - updatedBefore
        || number(after.getReadyReplicas(), 0) > number(before.getReadyReplicas(), 0)
        || number(after.getAvailableReplicas(), 0) > number(before.getAvailableReplicas(), 0);
  }

  boolean isPaused() {
    return Boolean.TRUE.equals(deployment.getSpec().getPaused());
  }

  private boolean hasDeadline() {
    return number(deployment.getSpec().getProgressDeadlineSeconds(), 600) != NO_DEADLINE;
  }

  /// How long the rollout may still stand still, empty if it is not waiting for anything.
  Optional<Duration> untilDeadline(Conditions conditions) {
    Optional<DeploymentCondition> progressing = conditions.get("Progressing");
    if (!hasDeadline()
        || progressing.isEmpty()
        || progressing.get().getLastUpdateTime() == null
        || "NewReplicaSetAvailable".equals(progressing.get().getReason())
        || "ProgressDeadlineExceeded".equals(progressing.get().getReason())
        || "DeploymentPaused".equals(progressing.get().getReason())) {
      return Optional.empty();
    }
    Duration deadline =
        Duration.ofSeconds(number(deployment.getSpec().getProgressDeadlineSeconds(), 600));
    Instant since = Pods.time(progressing.get().getLastUpdateTime());
    return Optional.of(Duration.between(now, since.plus(deadline)));
  }
}
