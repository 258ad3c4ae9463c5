// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.HostIP;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodIP;
import io.fabric8.kubernetes.api.model.PodReadinessGate;
import io.fabric8.kubernetes.api.model.PodStatus;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What a node says about a pod, computed from the pod and what the runtime has of it.
final class PodStatuses {
  /// The conditions a node decides; the rest of a pod's conditions are others'.
  static final Set<String> OWN_CONDITIONS =
      Set.of(
          "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled");

  private PodStatuses() {}

  /// Why a container does not run yet.
  record Waiting(String reason, String message) {}

  /// What is known beyond the runtime.
  ///
  /// @param waiting why containers wait, by container name
  /// @param ready ids of containers that pass their readiness probe, or have none
  /// @param started ids of containers that passed their startup probe, or have none
  record Outlook(
      Map<String, Waiting> waiting,
      Set<String> ready,
      Set<String> started,
      List<String> nodeIps,
      boolean stopping,
      Instant now) {}

  static PodStatus of(Pod pod, ObservedPod observed, Outlook outlook) {
    return new Computation(pod, observed, outlook).status();
  }

  private static final class Computation {
    private final Pod pod;
    private final ObservedPod observed;
    private final Outlook outlook;
    private final PodStatus before;
    private final boolean hasInit;

    Computation(Pod pod, ObservedPod observed, Outlook outlook) {
      this.pod = pod;
      this.observed = observed;
      this.outlook = outlook;
      this.before = pod.getStatus() == null ? new PodStatus() : pod.getStatus();
      this.hasInit = RestartRule.init(pod).stream().anyMatch(c -> !RestartRule.sidecar(c));
    }

    PodStatus status() {
      PodStatus status = new PodStatus();
      boolean initialised = initialised();
      String phase = phase(initialised);
      status.setPhase(phase);
      if (PodPlan.ended(pod)) {
        status.setReason(before.getReason());
        status.setMessage(before.getMessage());
      }
      status.setInitContainerStatuses(statuses(RestartRule.init(pod), "PodInitializing"));
      status.setContainerStatuses(
          statuses(
              RestartRule.apps(pod),
              hasInit && !initialised ? "PodInitializing" : "ContainerCreating"));
      status.setConditions(conditions(status, phase, initialised));
      status.setHostIP(outlook.nodeIps().getFirst());
      status.setHostIPs(outlook.nodeIps().stream().map(HostIP::new).toList());
      addresses()
          .ifPresent(addresses -> {
            status.setPodIP(addresses.getFirst());
            status.setPodIPs(addresses.stream().map(PodIP::new).toList());
          });
      status.setStartTime(
          before.getStartTime() == null ? time(outlook.now()) : before.getStartTime());
      status.setQosClass(Qos.classOf(pod));
      return status;
    }

    private Optional<List<String>> addresses() {
      Optional<ObservedPod.Sandbox> sandbox = observed.readySandbox();
      if (sandbox.isPresent() && SandboxSpec.hostNetwork(pod)) {
        return Optional.of(outlook.nodeIps());
      }
      return sandbox.map(ObservedPod.Sandbox::addresses).filter(list -> !list.isEmpty());
    }

    private boolean initialised() {
      // Once an app container ran, its init containers were done, even if they are forgotten.
      if (RestartRule.apps(pod).stream()
          .anyMatch(app -> observed.latest(app.getName()).isPresent())) {
        return true;
      }
      for (Container init : RestartRule.init(pod)) {
        Optional<ObservedPod.Container> run = observed.latest(init.getName());
        boolean done =
            RestartRule.sidecar(init)
                ? run.filter(r -> r.running() && outlook.started().contains(r.id())).isPresent()
                : run.filter(r -> r.exited() && r.exitCode() == 0).isPresent();
        if (!done) {
          return false;
        }
      }
      return true;
    }

    private String phase(boolean initialised) {
      if (PodPlan.ended(pod)) {
        return before.getPhase();
      }
      if (PodPlan.initFailed(pod, observed)) {
        return "Failed";
      }
      if (!initialised) {
        return "Pending";
      }
      boolean allExited = true;
      boolean failed = false;
      for (Container app : RestartRule.apps(pod)) {
        Optional<ObservedPod.Container> run = observed.latest(app.getName());
        if (run.isEmpty() || run.get().state() == ObservedPod.State.CREATED) {
          return outlook.stopping() && before.getPhase() != null ? before.getPhase() : "Pending";
        }
        allExited &= run.get().exited();
        failed |= run.get().exited() && run.get().exitCode() != 0;
      }
      if (allExited && (outlook.stopping() || PodPlan.finished(pod, observed))) {
        return failed ? "Failed" : "Succeeded";
      }
      return "Running";
    }

    private List<ContainerStatus> statuses(List<Container> containers, String notYet) {
      return containers.stream().map(container -> status(container, notYet)).toList();
    }

    private ContainerStatus status(Container container, String notYet) {
      List<ObservedPod.Container> runs = observed.runs(container.getName());
      Waiting waiting = outlook.waiting().get(container.getName());
      if (runs.isEmpty()) {
        ContainerStatus known = lost(container.getName());
        if (known != null) {
          return known;
        }
        Waiting why = waiting == null ? new Waiting(notYet, "") : waiting;
        return new ContainerStatusBuilder()
            .withName(container.getName())
            .withImage(container.getImage())
            .withImageID("")
            .withReady(false)
            .withStarted(false)
            .withRestartCount(0)
            .withState(waiting(why))
            .build();
      }
      ObservedPod.Container run = runs.getFirst();
      boolean waits = run.exited() && waiting != null && !outlook.stopping();
      ContainerState state = waits ? waiting(waiting) : state(run);
      Optional<ObservedPod.Container> last =
          waits ? Optional.of(run) : runs.stream().skip(1).filter(r -> r.exited()).findFirst();
      boolean plainInit =
          RestartRule.init(pod).contains(container) && !RestartRule.sidecar(container);
      boolean ready =
          plainInit
              ? run.exited() && run.exitCode() == 0
              : run.running() && outlook.ready().contains(run.id());
      return new ContainerStatusBuilder()
          .withName(container.getName())
          .withImage(run.image().startsWith("sha256:") ? container.getImage() : run.image())
          .withImageID(run.imageRef())
          .withContainerID("containerd://" + run.id())
          .withReady(ready)
          .withStarted(run.running() && (plainInit || outlook.started().contains(run.id())))
          .withRestartCount(run.restarts())
          .withState(state)
          .withLastState(last.map(Computation::state).orElse(null))
          .build();
    }

    /// What was said of a container the runtime no longer has, if the pod is ending.
    private ContainerStatus lost(String name) {
      if (!outlook.stopping() && !PodPlan.ended(pod)) {
        return null;
      }
      List<ContainerStatus> all = new ArrayList<>(before.getContainerStatuses());
      all.addAll(before.getInitContainerStatuses());
      return all.stream().filter(status -> status.getName().equals(name)).findFirst().orElse(null);
    }

    private static ContainerState waiting(Waiting why) {
      return new ContainerStateBuilder()
          .withNewWaiting()
          .withReason(why.reason())
          .withMessage(why.message().isEmpty() ? null : why.message())
          .endWaiting()
          .build();
    }

    private static ContainerState state(ObservedPod.Container run) {
      return switch (run.state()) {
        case CREATED -> waiting(new Waiting("ContainerCreating", ""));
        case RUNNING ->
            new ContainerStateBuilder()
                .withNewRunning()
                .withStartedAt(time(run.started()))
                .endRunning()
                .build();
        case EXITED, UNKNOWN ->
            new ContainerStateBuilder()
                .withNewTerminated()
                .withExitCode(run.exitCode())
                .withReason(reason(run))
                .withMessage(run.message().isEmpty() ? null : run.message())
                .withStartedAt(time(run.started()))
                .withFinishedAt(time(run.finished()))
                .withContainerID("containerd://" + run.id())
                .endTerminated()
                .build();
      };
    }

    private static String reason(ObservedPod.Container run) {
      if (!run.reason().isEmpty()) {
        return run.reason();
      }
      return run.exitCode() == 0 ? "Completed" : "Error";
    }

    private List<PodCondition> conditions(PodStatus status, String phase, boolean initialised) {
      boolean over = phase.equals("Succeeded") || phase.equals("Failed");
      String unready = unready(status);
      boolean containersReady = !over && unready.isEmpty() && initialised;
      boolean ready = containersReady && gatesOpen();
      String why =
          phase.equals("Succeeded") ? "PodCompleted" : over ? "PodFailed" : "ContainersNotReady";
      String message =
          over || unready.isEmpty() ? null : "containers with unready status: [" + unready + "]";
      Map<String, PodCondition> conditions = new LinkedHashMap<>();
      put(conditions, "PodReadyToStartContainers", observed.readySandbox().isPresent(), null, null);
      put(
          conditions,
          "Initialized",
          initialised,
          initialised
              ? (phase.equals("Succeeded") ? "PodCompleted" : null)
              : "ContainersNotInitialized",
          null);
      String readyWhy = containersReady ? "ReadinessGatesNotReady" : why;
      put(conditions, "Ready", ready, ready ? null : readyWhy, ready ? null : message);
      put(
          conditions,
          "ContainersReady",
          containersReady,
          containersReady ? null : why,
          containersReady ? null : message);
      put(conditions, "PodScheduled", true, null, null);
      // Conditions that others set are not ours to drop.
      before
          .getConditions()
          .forEach(condition -> conditions.putIfAbsent(condition.getType(), condition));
      return List.copyOf(conditions.values());
    }

    private static String unready(PodStatus status) {
      StringBuilder names = new StringBuilder();
      for (ContainerStatus container : status.getContainerStatuses()) {
        if (!container.getReady()) {
          names.append(names.isEmpty() ? "" : " ").append(container.getName());
        }
      }
      return names.toString();
    }

    private boolean gatesOpen() {
      List<PodReadinessGate> gates = pod.getSpec().getReadinessGates();
      return gates == null
          || gates.stream()
              .allMatch(gate ->
                  before.getConditions().stream()
                      .anyMatch(condition ->
                          condition.getType().equals(gate.getConditionType())
                              && condition.getStatus().equals("True")));
    }

    private void put(
        Map<String, PodCondition> conditions,
        String type,
        boolean holds,
        String reason,
        String message) {
      String status = holds ? "True" : "False";
      String since =
          before.getConditions().stream()
              .filter(old -> old.getType().equals(type) && old.getStatus().equals(status))
              .map(PodCondition::getLastTransitionTime)
              .findFirst()
              .orElseGet(() -> time(outlook.now()));
      conditions.put(
          type,
          new PodConditionBuilder()
              .withType(type)
              .withStatus(status)
              .withReason(reason)
              .withMessage(message)
              .withLastTransitionTime(since)
              .build());
    }
  }

  /// Times in the API have whole seconds.
  static String time(Instant instant) {
    return instant.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
