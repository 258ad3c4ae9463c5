// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import dev.fairway.controllers.objects.LabelSelectors;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetBuilder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DeploymentPlanTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

  private final DeploymentPlan plan = new DeploymentPlan(Objects.YAML);
  private final Map<String, ReplicaSet> replicaSets = new LinkedHashMap<>();
  private Deployment deployment = deployment("4", "web:1");
  private int created;
  private int mostPods;
  private int fewestAvailable = Integer.MAX_VALUE;

  private static Deployment deployment(String replicas, String image) {
    return Objects.read(
        Deployment.class,
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: ns, uid: d1, generation: 1, annotations: {note: hello}}
        spec:
          replicas: %s
          selector: {matchLabels: {app: web}}
          strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%%, maxUnavailable: 25%%}}
          template:
            metadata: {labels: {app: web}}
            spec: {containers: [{name: c, image: '%s'}]}
        """
            .formatted(replicas, image));
  }

  /// Applies plans to objects in memory until nothing changes, as a server and the ReplicaSet
  /// controller would.
  private void settle(boolean podsBecomeReady) {
    for (int round = 0; round < 60; round++) {
      List<Step> steps =
          plan.plan(deployment, replicaSets.values(), List.of(), NOW).stream()
              .filter(step -> !(step instanceof Step.LookAgain))
              .toList();
      steps.forEach(this::apply);
      boolean moved = runPods(podsBecomeReady);
      if (steps.isEmpty() && !moved) {
        return;
      }
    }
    throw new AssertionError("does not settle");
  }

  private void apply(Step step) {
    switch (step) {
      case Step.Create(ReplicaSet rs) -> {
        created++;
        put(
            new ReplicaSetBuilder(rs)
                .editMetadata()
                .withUid("r" + created)
                .withCreationTimestamp(NOW.plusSeconds(created).toString())
                .endMetadata()
                .build());
      }
      case Step.Scale(ReplicaSet rs, int from) -> put(rs);
      case Step.Annotate(ReplicaSet rs) -> put(rs);
      case Step.Prune(ReplicaSet rs) -> replicaSets.remove(rs.getMetadata().getName());
      case Step.SetRevision(Deployment d, String revision) ->
          deployment =
              new DeploymentBuilder(deployment)
                  .editMetadata()
                  .addToAnnotations(Revisions.REVISION, revision)
                  .endMetadata()
                  .build();
      case Step.SetStatus(Deployment d, var status) ->
          deployment = new DeploymentBuilder(deployment).withStatus(status).build();
      case Step.Adopt adopt -> throw new AssertionError("unexpected " + adopt);
      case Step.Release release -> throw new AssertionError("unexpected " + release);
      case Step.LookAgain later -> {}
    }
  }

  private void put(ReplicaSet rs) {
    replicaSets.put(rs.getMetadata().getName(), rs);
  }

  private boolean runPods(boolean ready) {
    boolean moved = false;
    int pods = 0;
    int available = 0;
    for (ReplicaSet rs : List.copyOf(replicaSets.values())) {
      int size = Rollout.size(rs);
      boolean old = rs.getStatus() != null && Rollout.available(rs) > 0;
      int up = (ready || old) ? size : 0;
      if (rs.getStatus() == null || Rollout.pods(rs) != size || Rollout.available(rs) != up) {
        moved = true;
        put(
            new ReplicaSetBuilder(rs)
                .withNewStatus()
                .withReplicas(size)
                .withReadyReplicas(up)
                .withAvailableReplicas(up)
                .endStatus()
                .build());
      }
      pods += size;
      available += up;
    }
    mostPods = Math.max(mostPods, pods);
    fewestAvailable = Math.min(fewestAvailable, available);
    return moved;
  }

  private void image(String image) {
    deployment =
        new DeploymentBuilder(deployment)
            .editSpec()
            .editTemplate()
            .editSpec()
            .editFirstContainer()
            .withImage(image)
            .endContainer()
            .endSpec()
            .endTemplate()
            .endSpec()
            .editMetadata()
            .withGeneration(deployment.getMetadata().getGeneration() + 1)
            .endMetadata()
            .build();
  }

  private String revision(int number) {
    return replicaSets.values().stream()
        .filter(rs -> Revisions.of(rs) == number)
        .map(rs -> rs.getSpec().getTemplate().getSpec().getContainers().get(0).getImage())
        .findFirst()
        .orElse("none");
  }

  private String progressing() {
    return deployment.getStatus().getConditions().stream()
        .filter(c -> c.getType().equals("Progressing"))
        .map(c -> c.getStatus() + " " + c.getReason())
        .findFirst()
        .orElse("none");
  }

  @Test
  void aNewDeploymentGetsOneReplicaSetOfFullSize() {
    List<Step> steps = plan.plan(deployment, List.of(), List.of(), NOW);
    ReplicaSet rs = ((Step.Create) steps.get(0)).replicaSet();
    assertThat(rs.getSpec().getReplicas()).isEqualTo(4);
    assertThat(rs.getMetadata().getName()).startsWith("web-");
    String hash = rs.getMetadata().getName().substring(4);
    assertThat(rs.getSpec().getSelector().getMatchLabels())
        .containsEntry("app", "web")
        .containsEntry("pod-template-hash", hash);
    assertThat(rs.getSpec().getTemplate().getMetadata().getLabels())
        .containsEntry("pod-template-hash", hash);
    assertThat(LabelSelectors.annotations(rs))
        .containsEntry("note", "hello")
        .containsEntry("deployment.kubernetes.io/revision", "1")
        .containsEntry("deployment.kubernetes.io/desired-replicas", "4")
        .containsEntry("deployment.kubernetes.io/max-replicas", "5");
  }

  @Test
  void completesAndSaysSo() {
    settle(true);
    assertThat(deployment.getStatus().getAvailableReplicas()).isEqualTo(4);
    assertThat(deployment.getStatus().getUpdatedReplicas()).isEqualTo(4);
    assertThat(deployment.getStatus().getUnavailableReplicas()).isNull();
    assertThat(progressing()).isEqualTo("True NewReplicaSetAvailable");
  }

  @Test
  void rollsWithinItsLimits() {
    settle(true);
    mostPods = 0;
    fewestAvailable = Integer.MAX_VALUE;
    image("web:2");
    settle(true);
    assertThat(mostPods).isLessThanOrEqualTo(5);
    assertThat(fewestAvailable).isGreaterThanOrEqualTo(3);
    assertThat(revision(2)).isEqualTo("web:2");
    assertThat(Rollout.of(deployment, List.copyOf(replicaSets.values())).wanted()).isEqualTo(4);
    assertThat(replicaSets.values()).extracting(Rollout::size).containsExactly(0, 4);
  }

  @Test
  void keepsWhatRunsWhenTheNewOneNeverGetsReady() {
    settle(true);
    image("broken:1");
    settle(false);
    int old = Rollout.size(List.copyOf(replicaSets.values()).get(0));
    assertThat(old).isEqualTo(3);
    assertThat(progressing()).startsWith("True ");
  }

  @Test
  void undoTakesTheOldReplicaSetUnderTheNextRevision() {
    settle(true);
    image("web:2");
    settle(true);
    image("web:1");
    settle(true);
    assertThat(replicaSets).hasSize(2);
    assertThat(revision(3)).isEqualTo("web:1");
    assertThat(revision(1)).isEqualTo("none");
    assertThat(LabelSelectors.annotations(deployment)).containsEntry(Revisions.REVISION, "3");
  }

  @Test
  void forgetsHistoryBeyondTheLimit() {
    deployment =
        new DeploymentBuilder(deployment).editSpec().withRevisionHistoryLimit(2).endSpec().build();
    for (int version = 1; version <= 6; version++) {
      image("web:" + version);
      settle(true);
    }
    TreeSet<Long> revisions = new TreeSet<>();
    replicaSets.values().forEach(rs -> revisions.add(Revisions.of(rs)));
    assertThat(revisions).containsExactly(4L, 5L, 6L);
  }

  @Test
  void pausedDeploymentsScaleButDoNotRoll() {
    settle(true);
    deployment =
        new DeploymentBuilder(deployment)
            .editSpec()
            .withPaused(true)
            .withReplicas(6)
            .endSpec()
            .build();
    image("web:2");
    settle(true);
    assertThat(replicaSets.values()).extracting(Rollout::size).containsExactly(6);
    assertThat(progressing()).isEqualTo("Unknown DeploymentPaused");
    deployment = new DeploymentBuilder(deployment).editSpec().withPaused(false).endSpec().build();
    settle(true);
    assertThat(replicaSets.values()).extracting(Rollout::size).containsExactly(0, 6);
  }

  @Test
  void recreateStopsEverythingFirst() {
    deployment =
        new DeploymentBuilder(deployment)
            .editSpec()
            .withNewStrategy()
            .withType("Recreate")
            .endStrategy()
            .endSpec()
            .build();
    settle(true);
    mostPods = 0;
    image("web:2");
    settle(true);
    assertThat(mostPods).isEqualTo(4);
    assertThat(replicaSets.values()).extracting(Rollout::size).containsExactly(0, 4);
  }

  @Test
  void scaledInTheMiddleOfARolloutItGrowsInProportion() {
    deployment = deployment("10", "web:1");
    settle(true);
    image("web:2");
    settle(false);
    List<Integer> before = sizes();
    deployment = new DeploymentBuilder(deployment).editSpec().withReplicas(20).endSpec().build();
    settle(false);
    assertThat(sizes().get(0)).isGreaterThan(before.get(0));
    assertThat(sizes().get(1)).isGreaterThan(before.get(1));
    assertThat(sizes().stream().mapToInt(i -> i).sum()).isLessThanOrEqualTo(25);
  }

  private List<Integer> sizes() {
    List<Integer> sizes = new ArrayList<>();
    replicaSets.values().forEach(rs -> sizes.add(Rollout.size(rs)));
    return sizes;
  }

  @ParameterizedTest
  @CsvSource({
    "10, 25%, 25%, 3, 2",
    "4, 25%, 25%, 1, 1",
    "1, 25%, 25%, 1, 0",
    "3, 0, 0, 0, 1",
    "5, 2, 1, 2, 1",
    "5, 100%, 100%, 5, 5",
    "0, 25%, 25%, 0, 0",
  })
  void limits(int replicas, String surge, String unavailable, int maxSurge, int maxUnavailable) {
    Deployment d =
        Objects.read(
            Deployment.class,
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              replicas: %s
              template: {}
              strategy: {rollingUpdate: {maxSurge: %s, maxUnavailable: %s}}
            """
                .formatted(replicas, surge, unavailable));
    Rollout rollout = Rollout.of(d, List.of());
    assertThat(rollout.maxSurge()).isEqualTo(maxSurge);
    assertThat(rollout.maxUnavailable()).isEqualTo(maxUnavailable);
  }
}
