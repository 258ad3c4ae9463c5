// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.kubelet.ObservedPod.Sandbox;
import dev.fairway.kubelet.ObservedPod.State;
import dev.fairway.kubelet.PodPlan.Step;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What is planned from which situation; steps are compared in a short form.
class PodPlanTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
  private static final Sandbox READY = new Sandbox("s1", true, NOW, 0, List.of("10.200.0.2"));
  private static final Sandbox DEAD = new Sandbox("s0", false, NOW.minusSeconds(60), 0, List.of());

  private final List<ObservedPod.Container> runs = new ArrayList<>();
  private final List<Sandbox> sandboxes = new ArrayList<>(List.of(READY));
  private final List<Container> init = new ArrayList<>();
  private String policy = "Always";
  private boolean stopping;
  private Set<String> unhealthy = Set.of();
  private Set<String> started = Set.of();
  private Instant rest = Instant.EPOCH;

  @Test
  void aNewPodGetsASandboxAndThenItsContainers() {
    sandboxes.clear();
    assertThat(plan()).containsExactly("sandbox 0");
    sandboxes.add(READY);
    assertThat(plan()).containsExactly("start app 0");
    run("app", State.RUNNING, 0, 0);
    assertThat(plan()).isEmpty();
  }

  @Test
  void initContainersRunInOrderAndOnce() {
    init.add(container("one"));
    init.add(container("two"));
    assertThat(plan()).containsExactly("start one 0");
    run("one", State.RUNNING, 0, 0);
    assertThat(plan()).isEmpty();
    runs.clear();
    run("one", State.EXITED, 0, 0);
    assertThat(plan()).containsExactly("start two 0");
    run("two", State.EXITED, 0, 1);
    assertThat(plan()).containsExactly("start two 1");
    run("two", State.EXITED, 1, 0);
    assertThat(plan()).containsExactly("start app 0");
    run("app", State.EXITED, 0, 1);
    assertThat(plan()).containsExactly("start app 1");
  }

  @Test
  void aFailedInitContainerEndsAPodThatNeverRestarts() {
    policy = "Never";
    init.add(container("one"));
    run("one", State.EXITED, 0, 3);
    assertThat(plan()).containsExactly("stop-sandbox s1");
    sandboxes.set(0, DEAD);
    assertThat(plan()).isEmpty();
  }

  @Test
  void aSidecarMustBeUpBeforeTheAppAndIsRestarted() {
    init.add(new ContainerBuilder(container("side")).withRestartPolicy("Always").build());
    assertThat(plan()).containsExactly("start side 0");
    run("side", State.RUNNING, 0, 0);
    assertThat(plan()).isEmpty();
    started = Set.of("side-0");
    assertThat(plan()).containsExactly("start app 0");
    run("app", State.RUNNING, 0, 0);
    run("side", State.EXITED, 1, 0);
    assertThat(plan()).containsExactly("start side 2");
  }

  @Test
  void whatEndedRunsAgainAsThePolicySays() {
    run("app", State.EXITED, 0, 0);
    assertThat(plan()).containsExactly("start app 1");
    policy = "OnFailure";
    assertThat(plan()).containsExactly("stop-sandbox s1");
    runs.clear();
    run("app", State.EXITED, 4, 1);
    assertThat(plan()).containsExactly("start app 5");
    policy = "Never";
    assertThat(plan()).containsExactly("stop-sandbox s1");
  }

  @Test
  void aRestIsKept() {
    run("app", State.EXITED, 0, 1);
    rest = NOW.plusSeconds(10);
    PodPlan plan = PodPlan.of(situation());
    assertThat(plan.steps()).isEmpty();
    assertThat(plan.again()).contains(rest);
    rest = NOW;
    assertThat(plan()).containsExactly("start app 1");
  }

  @Test
  void theUnhealthyAndTheChangedAreKilled() {
    run("app", State.RUNNING, 0, 0);
    unhealthy = Set.of("app-0");
    assertThat(plan()).containsExactly("kill app-0");
    unhealthy = Set.of();
    runs.clear();
    runs.add(withHash(run("app", State.RUNNING, 0, 0), "other"));
    runs.removeFirst();
    assertThat(plan()).containsExactly("kill app-0");
  }

  @Test
  void stoppingEndsContainersThenTheSandboxThenAll() {
    stopping = true;
    run("app", State.RUNNING, 0, 0);
    assertThat(plan()).containsExactly("kill app-0");
    runs.clear();
    run("app", State.EXITED, 0, 0);
    assertThat(plan()).containsExactly("stop-sandbox s1", "remove app-0", "remove-sandbox s1");
    runs.clear();
    sandboxes.clear();
    assertThat(plan()).containsExactly("done");
  }

  @Test
  void aDeadSandboxIsReplacedAndForgottenOnceAllRunsAgain() {
    sandboxes.set(0, DEAD);
    run("app", State.EXITED, 2, 137, DEAD);
    assertThat(plan()).containsExactly("stop-sandbox s0", "sandbox 1");
    sandboxes.addFirst(READY);
    assertThat(plan()).containsExactly("start app 3");
    run("app", State.RUNNING, 3, 0);
    assertThat(plan()).containsExactly("remove-sandbox s0");
  }

  @Test
  void onlyTheLastTwoRunsAreKept() {
    run("app", State.EXITED, 0, 1);
    run("app", State.EXITED, 1, 1);
    run("app", State.RUNNING, 2, 0);
    assertThat(plan()).containsExactly("remove app-0");
  }

  @Test
  void aContainerLeftHalfMadeIsMadeAgain() {
    run("app", State.CREATED, 1, 0);
    assertThat(plan()).containsExactly("remove app-1", "start app 1");
  }

  private List<String> plan() {
    return PodPlan.of(situation()).steps().stream().map(PodPlanTest::brief).toList();
  }

  private PodPlan.Situation situation() {
    return new PodPlan.Situation(
        pod(), new ObservedPod(sandboxes, runs), stopping, unhealthy, started, _ -> rest, NOW);
  }

  private static String brief(Step step) {
    return switch (step) {
      case Step.Kill kill -> "kill " + kill.container().id();
      case Step.StopSandbox stop -> "stop-sandbox " + stop.id();
      case Step.RemoveSandbox remove -> "remove-sandbox " + remove.id();
      case Step.RunSandbox run -> "sandbox " + run.attempt();
      case Step.Start start -> "start " + start.container().getName() + " " + start.restarts();
      case Step.RemoveContainer remove -> "remove " + remove.id();
      case Step.Done _ -> "done";
    };
  }

  private ObservedPod.Container run(String name, State state, int restarts, int exit) {
    return run(name, state, restarts, exit, READY);
  }

  private ObservedPod.Container run(
      String name, State state, int restarts, int exit, Sandbox sandbox) {
    String id = name + "-" + restarts;
    String hash = ContainerSpec.hash(container(name));
    Instant created = NOW.plusSeconds(restarts);
    var run =
        new ObservedPod.Container(
            id,
            sandbox.id(),
            name,
            state,
            restarts,
            "i",
            "i",
            created,
            created,
            created,
            exit,
            "",
            "",
            hash);
    runs.add(run);
    return run;
  }

  private static ObservedPod.Container withHash(ObservedPod.Container run, String hash) {
    return new ObservedPod.Container(
        run.id(),
        run.sandbox(),
        run.name(),
        run.state(),
        run.restarts(),
        run.image(),
        run.imageRef(),
        run.created(),
        run.started(),
        run.finished(),
        run.exitCode(),
        run.reason(),
        run.message(),
        hash);
  }

  private Pod pod() {
    return new PodBuilder()
        .withNewMetadata()
        .withName("p")
        .withNamespace("n")
        .withUid("u")
        .endMetadata()
        .withNewSpec()
        .withRestartPolicy(policy)
        .withInitContainers(init)
        .withContainers(container("app"))
        .endSpec()
        .build();
  }

  private static Container container(String name) {
    return new ContainerBuilder().withName(name).withImage("image").build();
  }
}
