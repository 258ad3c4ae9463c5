// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.kubelet.ObservedPod.Sandbox;
import dev.fairway.kubelet.ObservedPod.State;
import dev.fairway.kubelet.PodStatuses.Outlook;
import dev.fairway.kubelet.PodStatuses.Waiting;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodStatus;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// What is told of a pod from which situation.
class PodStatusesTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
  private static final Sandbox SANDBOX = new Sandbox("s", true, NOW, 0, List.of("10.200.0.2"));

  private final List<ObservedPod.Container> runs = new ArrayList<>();
  private final Map<String, Waiting> waiting = new HashMap<>();
  private String policy = "Always";
  private boolean stopping;
  private PodStatus before = new PodStatus();

  @Test
  void beforeAnythingRunsThePodIsPending() {
    PodStatus status = status(List.of());
    assertThat(status.getPhase()).isEqualTo("Pending");
    assertThat(status.getPodIP()).isNull();
    assertThat(conditions(status))
        .containsEntry("Initialized", "False")
        .containsEntry("Ready", "False");
    assertThat(reason(status)).isEqualTo("PodInitializing");
  }

  @Test
  void aRunningPodIsReadyIfItsContainersAre() {
    run("init", State.EXITED, 0);
    run("app", State.RUNNING, 0);
    PodStatus status = status(List.of("app"));
    assertThat(status.getPhase()).isEqualTo("Running");
    assertThat(status.getPodIP()).isEqualTo("10.200.0.2");
    assertThat(conditions(status))
        .containsEntry("Ready", "True")
        .containsEntry("Initialized", "True");
    assertThat(conditions(status(List.of()))).containsEntry("Ready", "False");
    stopping = true;
    assertThat(conditions(status(List.of("app"))))
        .as("who stops may serve to the end; Services see the deletion by themselves")
        .containsEntry("Ready", "True");
  }

  @Test
  void theEndDependsOnThePolicy() {
    run("init", State.EXITED, 0);
    run("app", State.EXITED, 1);
    assertThat(status(List.of()).getPhase()).isEqualTo("Running");
    policy = "Never";
    assertThat(status(List.of()).getPhase()).isEqualTo("Failed");
    runs.removeLast();
    run("app", State.EXITED, 0);
    assertThat(status(List.of()).getPhase()).isEqualTo("Succeeded");
  }

  @Test
  void anEndedPodStaysEnded() {
    before.setPhase("Succeeded");
    assertThat(status(List.of()).getPhase()).isEqualTo("Succeeded");
  }

  @Test
  void aRestingContainerShowsWhyAndWhatHappened() {
    run("init", State.EXITED, 0);
    run("app", State.EXITED, 7);
    waiting.put("app", new Waiting("CrashLoopBackOff", "back-off"));
    PodStatus status = status(List.of());
    assertThat(reason(status)).isEqualTo("CrashLoopBackOff");
    var app = status.getContainerStatuses().getFirst();
    assertThat(app.getLastState().getTerminated().getExitCode()).isEqualTo(7);
    assertThat(app.getContainerID()).isEqualTo("containerd://app");
  }

  @Test
  void conditionsKeepTheirTimeAndThoseOfOthersStay() {
    PodCondition scheduled = condition("PodScheduled", "True", "2025-12-31T00:00:00Z");
    PodCondition foreign = condition("example.org/gate", "True", "2025-12-31T00:00:00Z");
    before.setConditions(List.of(scheduled, foreign));
    PodStatus status = status(List.of());
    assertThat(status.getConditions()).contains(foreign);
    assertThat(status.getConditions())
        .filteredOn(c -> c.getType().equals("PodScheduled"))
        .extracting(PodCondition::getLastTransitionTime)
        .containsExactly("2025-12-31T00:00:00Z");
  }

  private PodStatus status(List<String> ready) {
    return PodStatuses.of(
        pod(),
        new ObservedPod(runs.isEmpty() ? List.of() : List.of(SANDBOX), runs),
        new Outlook(
            waiting,
            Set.copyOf(ready),
            Set.copyOf(ready),
            List.of("10.240.0.20", "fd00:10:240::20"),
            stopping,
            NOW));
  }

  private static Map<String, String> conditions(PodStatus status) {
    return status.getConditions().stream()
        .collect(Collectors.toMap(PodCondition::getType, PodCondition::getStatus));
  }

  private static String reason(PodStatus status) {
    return status.getContainerStatuses().getFirst().getState().getWaiting().getReason();
  }

  private static PodCondition condition(String type, String value, String since) {
    PodCondition condition = new PodCondition();
    condition.setType(type);
    condition.setStatus(value);
    condition.setLastTransitionTime(since);
    return condition;
  }

  private void run(String name, State state, int exit) {
    runs.add(
        new ObservedPod.Container(
            name, "s", name, state, 0, "i", "i", NOW, NOW, NOW, exit, "", "", ""));
  }

  private Pod pod() {
    return new PodBuilder()
        .withNewMetadata()
        .withName("p")
        .withNamespace("n")
        .endMetadata()
        .withNewSpec()
        .withRestartPolicy(policy)
        .addNewInitContainer()
        .withName("init")
        .withImage("i")
        .endInitContainer()
        .addNewContainer()
        .withName("app")
        .withImage("i")
        .endContainer()
        .endSpec()
        .withStatus(before)
        .build();
  }
}
