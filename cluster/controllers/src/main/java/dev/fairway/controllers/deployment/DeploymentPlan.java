// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.objects.Claims;
import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.TemplateHash;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatus;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// What to do next for one Deployment. Pure.
final class DeploymentPlan {
  private final KubernetesSerialization json;

  DeploymentPlan(KubernetesSerialization json) {
    this.json = json;
  }

  /// @param replicaSets all ReplicaSets of the Deployment's namespace
  /// @param pods all pods of the namespace; only `Recreate` looks at them
  List<Step> plan(
      Deployment deployment,
      Collection<ReplicaSet> replicaSets,
      Collection<Pod> pods,
      Instant now) {
    Claims<ReplicaSet> claims =
        Claims.of(deployment, deployment.getSpec().getSelector(), replicaSets);
    List<Step> steps = new ArrayList<>();
    claims.adopt().forEach(each -> steps.add(new Step.Adopt(each)));
    claims.release().forEach(each -> steps.add(new Step.Release(each)));
    if (!steps.isEmpty()) {
      // Whom it owns must be settled before anything is sized.
      return steps;
    }
    Round round = new Round(deployment, Rollout.of(deployment, claims.owned()), pods, now);
    return round.steps();
  }

  /// The state of one planning round.
  private final class Round {
    private final Deployment deployment;
    private final Rollout rollout;
    private final Collection<Pod> pods;
    private final Instant now;
    private final Statuses statuses;
    private final List<Step> steps = new ArrayList<>();
    private Optional<ReplicaSet> created = Optional.empty();
    private int collisions;

    Round(Deployment deployment, Rollout rollout, Collection<Pod> pods, Instant now) {
      this.deployment = deployment;
      this.rollout = rollout;
      this.pods = pods;
      this.now = now;
      this.statuses = new Statuses(rollout, now);
      this.collisions =
          deployment.getStatus() == null
              ? 0
              : Rollout.number(deployment.getStatus().getCollisionCount(), 0);
    }

    List<Step> steps() {
      if (!Owners.isBeingDeleted(deployment)) {
        if (statuses.isPaused() || rollout.wasScaled()) {
          rollout.current().ifPresent(this::annotate);
          new Sizes(rollout).inProportion().forEach(this::scale);
        } else if (rollout.isRolling()) {
          roll();
        } else {
          recreate();
        }
      }
      status();
      return steps;
    }

    private void roll() {
      Sizes sizes = new Sizes(rollout);
      if (rollout.current().isEmpty()) {
        create(sizes.ofCurrent());
        return;
      }
      ReplicaSet current = annotate(rollout.current().get());
      int size = sizes.ofCurrent();
      if (size != Rollout.size(current)) {
        scale(current, size);
        return;
      }
      sizes.ofOldWhileRolling().forEach(this::scale);
    }

    private void recreate() {
      List<ReplicaSet> active = Sizes.active(rollout.old());
      active.forEach(each -> scale(each, 0));
      if (!active.isEmpty() || oldPodsRun()) {
        return;
      }
      if (rollout.current().isEmpty()) {
        create(rollout.wanted());
      } else {
        ReplicaSet current = annotate(rollout.current().get());
        if (Rollout.size(current) != rollout.wanted()) {
          scale(current, rollout.wanted());
        }
      }
    }

    private boolean oldPodsRun() {
      for (Pod pod : pods) {
        if (!Pods.isTerminal(pod)) {
          for (ReplicaSet old : rollout.old()) {
            if (Owners.isControlledBy(pod, old)) {
              return true;
            }
          }
        }
      }
      return false;
    }

    private void create(int size) {
      PodTemplateSpec template = deployment.getSpec().getTemplate();
      ReplicaSet taken;
      String hash;
      do {
        hash = TemplateHash.of(template, collisions, json);
        taken = byName(name(hash));
        if (taken != null) {
          collisions++;
        }
      } while (taken != null);
      long revision = Revisions.newest(rollout.old()) + 1;
      Map<String, String> annotations = Revisions.annotations(deployment, Map.of(), revision);
      Revisions.noteSize(annotations, rollout.wanted(), rollout.wanted() + rollout.maxSurge());
      ReplicaSet replicaSet =
          new ReplicaSetBuilder()
              .withNewMetadata()
              .withNamespace(deployment.getMetadata().getNamespace())
              .withName(name(hash))
              .withLabels(withHash(labels(template), hash))
              .withAnnotations(annotations)
              .withOwnerReferences(Owners.controllerReference(deployment))
              .endMetadata()
              .withNewSpec()
              .withReplicas(size)
              .withMinReadySeconds(deployment.getSpec().getMinReadySeconds())
              .withNewSelectorLike(deployment.getSpec().getSelector())
              .addToMatchLabels(TemplateHash.LABEL, hash)
              .endSelector()
              .withTemplate(
                  new PodTemplateSpecBuilder(template)
                      .editOrNewMetadata()
                      .addToLabels(TemplateHash.LABEL, hash)
                      .endMetadata()
                      .build())
              .endSpec()
              .build();
      created = Optional.of(replicaSet);
      steps.add(new Step.Create(replicaSet));
      revision(Long.toString(revision));
    }

    private String name(String hash) {
      return deployment.getMetadata().getName() + "-" + hash;
    }

    private ReplicaSet byName(String name) {
      for (ReplicaSet each : rollout.all()) {
        if (each.getMetadata().getName().equals(name)) {
          return each;
        }
      }
      return null;
    }

    private static Map<String, String> labels(PodTemplateSpec template) {
      return (template.getMetadata() == null || template.getMetadata().getLabels() == null)
          ? Map.of()
          : template.getMetadata().getLabels();
    }

    private static Map<String, String> withHash(Map<String, String> labels, String hash) {
      Map<String, String> with = new HashMap<>(labels);
      with.put(TemplateHash.LABEL, hash);
      return with;
    }

    /// Brings the present ReplicaSet's annotations up to date; an older one that became present
    /// again gets the next revision number.
    private ReplicaSet annotate(ReplicaSet current) {
      long revision = Math.max(Revisions.newest(rollout.old()) + 1, Revisions.of(current));
      Map<String, String> present = LabelSelectors.annotations(current);
      Map<String, String> wanted = Revisions.annotations(deployment, present, revision);
      Integer minReady = deployment.getSpec().getMinReadySeconds();
      boolean sameMinReady =
          Rollout.number(minReady, 0) == Rollout.number(current.getSpec().getMinReadySeconds(), 0);
      ReplicaSet updated = current;
      if (!wanted.equals(present) || !sameMinReady) {
        updated =
            new ReplicaSetBuilder(current)
                .editMetadata()
                .withAnnotations(wanted)
                .endMetadata()
                .editSpec()
                .withMinReadySeconds(minReady)
                .endSpec()
                .build();
        steps.add(new Step.Annotate(updated));
      }
      revision(Long.toString(revision));
      return updated;
    }

    private void revision(String revision) {
      if (!revision.equals(LabelSelectors.annotations(deployment).get(Revisions.REVISION))) {
        steps.add(new Step.SetRevision(deployment, revision));
      }
    }

    private void scale(ReplicaSet replicaSet, int size) {
      Map<String, String> annotations = new HashMap<>(LabelSelectors.annotations(replicaSet));
      Revisions.noteSize(annotations, rollout.wanted(), rollout.wanted() + rollout.maxSurge());
      if (size == Rollout.size(replicaSet)
          && annotations.equals(LabelSelectors.annotations(replicaSet))) {
        return;
      }
      ReplicaSet scaled =
          new ReplicaSetBuilder(replicaSet)
              .editMetadata()
              .withAnnotations(annotations)
              .endMetadata()
              .editSpec()
              .withReplicas(size)
              .endSpec()
              .build();
      // One write a ReplicaSet and round: a later one would meet its own conflict.
      steps.removeIf(step ->
          step instanceof Step.Annotate annotate
              && annotate
                  .replicaSet()
                  .getMetadata()
                  .getName()
                  .equals(replicaSet.getMetadata().getName()));
      steps.add(new Step.Scale(scaled, Rollout.size(replicaSet)));
    }

    private void status() {
      DeploymentStatus next = statuses.next(created, collisions);
      if (statuses.isComplete(next) && !Owners.isBeingDeleted(deployment)) {
        prune();
      }
      if (!sameStatus(deployment.getStatus(), next)) {
        steps.add(new Step.SetStatus(deployment, next));
      }
      statuses
          .untilDeadline(new Conditions(next, Cluster.timestamp(now)))
          .map(left -> left.isNegative() ? Duration.ofSeconds(1) : left.plusSeconds(1))
          .ifPresent(left -> steps.add(new Step.LookAgain(left)));
    }

    private void prune() {
      int limit = Rollout.number(deployment.getSpec().getRevisionHistoryLimit(), 10);
      if (limit == Integer.MAX_VALUE) {
        return;
      }
      List<ReplicaSet> idle =
          rollout.old().stream()
              .filter(rs -> Rollout.size(rs) == 0 && Rollout.pods(rs) == 0)
              .filter(rs -> !Owners.isBeingDeleted(rs))
              .sorted((a, b) -> Long.compare(Revisions.of(a), Revisions.of(b)))
              .toList();
      for (int i = 0; i < idle.size() - limit; i++) {
        steps.add(new Step.Prune(idle.get(i)));
      }
    }

    private static boolean sameStatus(DeploymentStatus present, DeploymentStatus next) {
      DeploymentStatus had = present == null ? new DeploymentStatus() : present;
      return Objects.equals(had.getObservedGeneration(), next.getObservedGeneration())
          && same(had.getReplicas(), next.getReplicas())
          && same(had.getUpdatedReplicas(), next.getUpdatedReplicas())
          && same(had.getReadyReplicas(), next.getReadyReplicas())
          && same(had.getAvailableReplicas(), next.getAvailableReplicas())
          && same(had.getUnavailableReplicas(), next.getUnavailableReplicas())
          && same(had.getCollisionCount(), next.getCollisionCount())
          && Objects.requireNonNullElse(had.getConditions(), List.of())
              .equals(Objects.requireNonNullElse(next.getConditions(), List.of()));
    }

    private static boolean same(Integer a, Integer b) {
      return Rollout.number(a, 0) == Rollout.number(b, 0);
    }
  }
}
