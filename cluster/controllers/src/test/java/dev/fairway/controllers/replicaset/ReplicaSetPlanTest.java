// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.replicaset;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ReplicaSetPlanTest {
  private static final Instant NOW = Instant.parse("2026-01-01T01:00:00Z");

  private static ReplicaSet replicaSet(int replicas) {
    return Objects.read(
        ReplicaSet.class,
        """
        apiVersion: apps/v1
        kind: ReplicaSet
        metadata: {name: web, namespace: ns, uid: r1, generation: 3}
        spec:
          replicas: %d
          minReadySeconds: 10
          selector: {matchLabels: {app: web}}
          template: {metadata: {labels: {app: web}}, spec: {containers: []}}
        """
            .formatted(replicas));
  }

  /// @param facts words: node=X, ready=MINUTES, pending, cost=N, restarts=N, old=MINUTES, orphan,
  ///   other, going, failed
  private static Pod pod(String name, String facts) {
    PodBuilder pod =
        new PodBuilder(
            Objects.read(
                Pod.class,
                """
                apiVersion: v1
                kind: Pod
                metadata:
                  name: %s
                  namespace: ns
                  creationTimestamp: '2026-01-01T00:00:00Z'
                  labels: {app: web}
                  ownerReferences: [{uid: r1, controller: true, kind: ReplicaSet, name: web}]
                spec: {containers: []}
                status: {phase: Running}
                """
                    .formatted(name)));
    for (String fact : facts.split(" ")) {
      String value = fact.substring(fact.indexOf('=') + 1);
      switch (fact.split("=")[0]) {
        case "node" -> pod.editSpec().withNodeName(value).endSpec();
        case "ready" ->
            pod.editStatus()
                .addNewCondition()
                .withType("Ready")
                .withStatus("True")
                .withLastTransitionTime(
                    NOW.minus(Duration.ofSeconds(Long.parseLong(value))).toString())
                .endCondition()
                .endStatus();
        case "pending" -> pod.editStatus().withPhase("Pending").endStatus();
        case "failed" -> pod.editStatus().withPhase("Failed").endStatus();
        case "cost" ->
            pod.editMetadata()
                .addToAnnotations("controller.kubernetes.io/pod-deletion-cost", value)
                .endMetadata();
        case "restarts" ->
            pod.editStatus()
                .addNewContainerStatus()
                .withRestartCount(Integer.parseInt(value))
                .endContainerStatus()
                .endStatus();
        case "old" ->
            pod.editMetadata()
                .withCreationTimestamp(
                    NOW.minus(Duration.ofMinutes(Long.parseLong(value))).toString())
                .endMetadata();
        case "orphan" -> pod.editMetadata().withOwnerReferences().endMetadata();
        case "other" -> pod.editMetadata().withLabels(java.util.Map.of("app", "x")).endMetadata();
        case "going" -> pod.editMetadata().withDeletionTimestamp(NOW.toString()).endMetadata();
        default -> {}
      }
    }
    return pod.build();
  }

  @Test
  void createsWhatIsMissingAndCountsOnlyTheLiving() {
    List<Step> steps =
        ReplicaSetPlan.steps(
            replicaSet(3), List.of(pod("a", ""), pod("b", "going"), pod("c", "failed")), NOW);
    assertThat(steps).containsExactly(new Step.CreatePods(2));
  }

  @Test
  void adoptsAndReleases() {
    Pod orphan = pod("orphan", "orphan");
    Pod strayed = pod("strayed", "other");
    List<Step> steps = ReplicaSetPlan.steps(replicaSet(1), List.of(orphan, strayed), NOW);
    assertThat(steps).containsExactly(new Step.Adopt(orphan), new Step.Release(strayed));
  }

  @Test
  void givesUpPodsInTheDocumentedOrder() {
    List<Pod> inOrder =
        new ArrayList<>(
            List.of(
                pod("unassigned", "pending"),
                pod("pending", "node=n1 pending"),
                pod("unready", "node=n1"),
                pod("cheap", "node=n2 ready=100 cost=-5"),
                pod("crowded", "node=n1 ready=100"),
                pod("lately", "node=n2 ready=20"),
                pod("restarted", "node=n2 ready=100 restarts=3"),
                pod("young", "node=n2 ready=100 old=5"),
                pod("best", "node=n2 ready=100 old=50")));
    // n1 has most pods, so that sharing it decides for "crowded".
    List<Pod> related = new ArrayList<>(inOrder);
    for (int i = 0; i < 5; i++) {
      related.add(pod("more" + i, "node=n1"));
    }
    List<Pod> shuffled = new ArrayList<>(inOrder);
    java.util.Collections.shuffle(shuffled, new java.util.Random(7));
    shuffled.sort(PodRanking.leastMissedFirst(related));
    assertThat(shuffled)
        .extracting(p -> p.getMetadata().getName())
        .containsExactlyElementsOf(inOrder.stream().map(p -> p.getMetadata().getName()).toList());
  }

  @Test
  void countsReadyAndAvailableApartAndLooksAgainInTime() {
    List<Pod> pods = List.of(pod("a", "node=n ready=60"), pod("b", "node=n ready=4"), pod("c", ""));
    var status = ReplicaSetPlan.status(replicaSet(3), pods, Optional.empty(), NOW);
    assertThat(status.getReplicas()).isEqualTo(3);
    assertThat(status.getReadyReplicas()).isEqualTo(2);
    assertThat(status.getAvailableReplicas()).isEqualTo(1);
    assertThat(status.getFullyLabeledReplicas()).isEqualTo(3);
    assertThat(status.getObservedGeneration()).isEqualTo(3);
    assertThat(ReplicaSetPlan.steps(replicaSet(3), pods, NOW))
        .containsExactly(new Step.LookAgain(Duration.ofMillis(6001)));
  }

  @Test
  void tellsFailures() {
    var failure = new ReplicaSetPlan.Failure("FailedCreate", "no");
    var status = ReplicaSetPlan.status(replicaSet(1), List.of(), Optional.of(failure), NOW);
    assertThat(status.getConditions())
        .singleElement()
        .satisfies(c ->
            assertThat(c.getType() + c.getStatus() + c.getReason())
                .isEqualTo("ReplicaFailureTrueFailedCreate"));
  }
}
