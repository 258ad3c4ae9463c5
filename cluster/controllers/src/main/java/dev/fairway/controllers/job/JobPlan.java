// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.job;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobCondition;
import io.fabric8.kubernetes.api.model.batch.v1.JobConditionBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatus;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatusBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What to do next for one Job. Pure.
///
/// @param create how many pods to create
/// @param delete pods that are not wanted any more
/// @param status the status that follows
/// @param expired whether the finished Job has outlived its `ttlSecondsAfterFinished`
/// @param lookAgain when time alone changes the answer
record JobPlan(
    int create, List<Pod> delete, JobStatus status, boolean expired, Optional<Duration> lookAgain) {
  private static final Duration FIRST_BACKOFF = Duration.ofSeconds(10);
  private static final Duration LONGEST_BACKOFF = Duration.ofMinutes(6);

  /// @param pods all pods of the namespace
  static JobPlan of(Job job, Collection<Pod> pods, Instant now) {
    List<Pod> owned = pods.stream().filter(pod -> Owners.isControlledBy(pod, job)).toList();
    List<Pod> active = owned.stream().filter(Pods::isActive).toList();
    int succeeded = count(owned, "Succeeded");
    int failed = count(owned, "Failed");
    Instant started = started(job, now);
    Optional<JobCondition> finish =
        finished(job).or(() -> verdict(job, owned, active.size(), started, now));
    if (finish.isPresent()) {
      return finished(job, active, succeeded, failed, started, finish.get(), now);
    }
    int wanted = wanted(job, succeeded, active.size());
    Duration wait = backoff(owned, failed, now);
    int create = wait.isPositive() ? 0 : Math.max(0, wanted - active.size());
    List<Pod> surplus = active.subList(0, Math.max(0, active.size() - wanted));
    List<Duration> waits = new ArrayList<>();
    if (wait.isPositive() && wanted > active.size()) {
      waits.add(wait);
    }
    deadline(job).ifPresent(d -> waits.add(Duration.between(now, started.plus(d))));
    return new JobPlan(
        create,
        List.copyOf(surplus),
        status(job, active, succeeded, failed, started, Optional.empty()),
        false,
        waits.stream().min(Duration::compareTo).map(d -> d.plusMillis(5)));
  }

  private static JobPlan finished(
      Job job,
      List<Pod> active,
      int succeeded,
      int failed,
      Instant started,
      JobCondition finish,
      Instant now) {
    JobStatus status = status(job, List.of(), succeeded, failed, started, Optional.of(finish));
    Integer ttl = job.getSpec().getTtlSecondsAfterFinished();
    if (ttl == null) {
      return new JobPlan(0, active, status, false, Optional.empty());
    }
    Duration left =
        Duration.between(now, Pods.time(finish.getLastTransitionTime()).plusSeconds(ttl));
    return new JobPlan(
        0,
        active,
        status,
        !left.isPositive(),
        Optional.of(left.plusMillis(5)).filter(Duration::isPositive));
  }

  private static int wanted(Job job, int succeeded, int active) {
    if (Boolean.TRUE.equals(job.getSpec().getSuspend())) {
      return 0;
    }
    int parallelism = number(job.getSpec().getParallelism(), 1);
    Integer completions = job.getSpec().getCompletions();
    if (completions == null) {
      // A work queue: once one has succeeded the others finish what they do.
      return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
    }
    return Math.max(0, Math.min(parallelism, completions - succeeded));
  }

  /// Whether it ends now, and how.
  private static Optional<JobCondition> verdict(
      Job job, List<Pod> owned, int active, Instant started, Instant now) {
    int succeeded = count(owned, "Succeeded");
    int failures = count(owned, "Failed");
    for (Pod pod : owned) {
      if (Pods.isActive(pod) && "OnFailure".equals(pod.getSpec().getRestartPolicy())) {
        failures += Pods.restarts(pod);
      }
    }
    if (failures > number(job.getSpec().getBackoffLimit(), 6)) {
      return Optional.of(
          condition(
              "Failed",
              "BackoffLimitExceeded",
              "Job has reached the specified backoff limit",
              now));
    }
    if (deadline(job).filter(d -> !now.isBefore(started.plus(d))).isPresent()) {
      return Optional.of(
          condition(
              "Failed", "DeadlineExceeded", "Job was active longer than specified deadline", now));
    }
    Integer completions = job.getSpec().getCompletions();
    boolean complete =
        completions == null ? succeeded > 0 && active == 0 : succeeded >= completions;
    return complete
        ? Optional.of(
            condition(
                "Complete", "CompletionsReached", "Reached expected number of succeeded pods", now))
        : Optional.empty();
  }

  private static JobCondition condition(String type, String reason, String message, Instant now) {
    return new JobConditionBuilder()
        .withType(type)
        .withStatus("True")
        .withReason(reason)
        .withMessage(message)
        .withLastProbeTime(Cluster.timestamp(now))
        .withLastTransitionTime(Cluster.timestamp(now))
        .build();
  }

  /// Its final condition, if it has ended.
  static Optional<JobCondition> finished(Job job) {
    if (job.getStatus() == null || job.getStatus().getConditions() == null) {
      return Optional.empty();
    }
    return job.getStatus().getConditions().stream()
        .filter(c -> c.getType().equals("Complete") || c.getType().equals("Failed"))
        .filter(c -> "True".equals(c.getStatus()))
        .findFirst();
  }

  private static Optional<Duration> deadline(Job job) {
    return Optional.ofNullable(job.getSpec().getActiveDeadlineSeconds()).map(Duration::ofSeconds);
  }

  private static Instant started(Job job, Instant now) {
    return job.getStatus() == null || job.getStatus().getStartTime() == null
        ? now
        : Pods.time(job.getStatus().getStartTime());
  }

  /// How long a failure still keeps new pods from being created.
  private static Duration backoff(List<Pod> owned, int failed, Instant now) {
    if (failed == 0) {
      return Duration.ZERO;
    }
    Instant last = Instant.EPOCH;
    for (Pod pod : owned) {
      if (Pods.phase(pod).equals("Failed")) {
        Instant end = ended(pod);
        last = end.isAfter(last) ? end : last;
      }
    }
    Duration wait = FIRST_BACKOFF.multipliedBy(1L << Math.min(failed - 1, 10));
    if (wait.compareTo(LONGEST_BACKOFF) > 0) {
      wait = LONGEST_BACKOFF;
    }
    return Duration.between(now, last.plus(wait));
  }

  private static Instant ended(Pod pod) {
    Instant end = Pods.created(pod);
    if (pod.getStatus() != null && pod.getStatus().getContainerStatuses() != null) {
      for (ContainerStatus each : pod.getStatus().getContainerStatuses()) {
        if (each.getState() != null
            && each.getState().getTerminated() != null
            && each.getState().getTerminated().getFinishedAt() != null) {
          Instant own = Pods.time(each.getState().getTerminated().getFinishedAt());
          end = own.isAfter(end) ? own : end;
        }
      }
    }
    return end;
  }

  private static JobStatus status(
      Job job,
      List<Pod> active,
      int succeeded,
      int failed,
      Instant started,
      Optional<JobCondition> finish) {
    List<JobCondition> conditions = new ArrayList<>();
    if (job.getStatus() != null && job.getStatus().getConditions() != null) {
      conditions.addAll(job.getStatus().getConditions());
    }
    if (finish.isPresent() && !conditions.contains(finish.get())) {
      conditions.add(finish.get());
    }
    boolean complete = finish.filter(c -> c.getType().equals("Complete")).isPresent();
    return new JobStatusBuilder()
        .withStartTime(Cluster.timestamp(started))
        .withCompletionTime(complete ? finish.get().getLastTransitionTime() : null)
        .withActive(orAbsent(active.size()))
        .withReady((int) active.stream().filter(Pods::isReady).count())
        .withSucceeded(orAbsent(succeeded))
        .withFailed(orAbsent(failed))
        .withConditions(conditions)
        .build();
  }

  private static @Nullable Integer orAbsent(int count) {
    return count == 0 ? null : count;
  }

  private static int count(List<Pod> pods, String phase) {
    return (int) pods.stream().filter(pod -> Pods.phase(pod).equals(phase)).count();
  }

  private static int number(@Nullable Integer value, int ifAbsent) {
    return value == null ? ifAbsent : value;
  }
}
