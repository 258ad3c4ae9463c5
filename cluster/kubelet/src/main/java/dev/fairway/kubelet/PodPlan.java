// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.ObservedPod.Sandbox;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The steps from what runs to what should run, in an order that is safe to take.
///
/// Planning is pure: the same situation gives the same plan. After the steps were taken the pod is
/// looked at again; an empty plan with no `again` means that nothing is to be done until something
/// changes.
///
/// @param again when to plan anew even if nothing changes, such as the end of a back-off
record PodPlan(List<Step> steps, Optional<Instant> again) {

  /// Everything a plan depends on.
  ///
  /// @param stopping the pod is to go: deleted, or no longer known to the cluster
  /// @param unhealthy ids of containers that failed their liveness or startup probe
  /// @param started ids of running containers whose startup probe, if any, succeeded
  /// @param notBefore until when a container that just ended must rest, by `SteadyTime`
  record Situation(
      Pod pod,
      ObservedPod observed,
      boolean stopping,
      Set<String> unhealthy,
      Set<String> started,
      Function<ObservedPod.Container, Instant> notBefore,
      Instant now) {}

  /// One thing to do.
  sealed interface Step {
    /// Ends a running container within its grace period.
    record Kill(ObservedPod.Container container, String why) implements Step {}

    record StopSandbox(String id) implements Step {}

    record RemoveSandbox(String id) implements Step {}

    record RunSandbox(int attempt) implements Step {}

    record Start(Container container, Sandbox sandbox, int restarts) implements Step {}

    record RemoveContainer(String id) implements Step {}

    /// Nothing of the pod is left in the runtime; its directories and its object can go.
    record Done() implements Step {}
  }

  static PodPlan of(Situation situation) {
    Planner planner = new Planner(situation);
    planner.plan();
    return new PodPlan(List.copyOf(planner.steps), Optional.ofNullable(planner.again));
  }

  /// True if every container has ended and none will run again.
  static boolean finished(Pod pod, ObservedPod observed) {
    if (initFailed(pod, observed)) {
      return true;
    }
    for (Container app : RestartRule.apps(pod)) {
      Optional<ObservedPod.Container> run = observed.latest(app.getName());
      if (run.isEmpty() || !run.get().exited() || RestartRule.restarts(pod, run.get().exitCode())) {
        return false;
      }
    }
    return true;
  }

  /// True if the cluster was told that the pod has ended; then it never runs again.
  static boolean ended(Pod pod) {
    String phase = pod.getStatus() == null ? null : pod.getStatus().getPhase();
    return "Succeeded".equals(phase) || "Failed".equals(phase);
  }

  static boolean initFailed(Pod pod, ObservedPod observed) {
    return !RestartRule.restartsInit(pod)
        && RestartRule.init(pod).stream()
            .filter(init -> !RestartRule.sidecar(init))
            .flatMap(init -> observed.latest(init.getName()).stream())
            .anyMatch(run -> run.exited() && run.exitCode() != 0);
  }

  private static final class Planner {
    private final Situation now;
    private final Pod pod;
    private final ObservedPod observed;
    private final List<Step> steps = new ArrayList<>();
    private @Nullable Instant again;

    Planner(Situation situation) {
      this.now = situation;
      this.pod = situation.pod();
      this.observed = situation.observed();
    }

    void plan() {
      if (now.stopping()) {
        stop();
        return;
      }
      if (ended(pod) || finished(pod, observed)) {
        rest();
        return;
      }
      Optional<Sandbox> sandbox = observed.readySandbox();
      if (sandbox.isEmpty()) {
        newSandbox();
        return;
      }
      stopOtherSandboxes(sandbox.get());
      if (initialised(sandbox.get())) {
        RestartRule.apps(pod).forEach(app -> keepRunning(app, sandbox.get()));
      }
      tidy(sandbox.get());
    }

    /// Containers first, within their grace period; the sandbox holds the network until they ended.
    private void stop() {
      for (ObservedPod.Container container : observed.containers()) {
        if (container.running()) {
          steps.add(new Step.Kill(container, "Stopping container " + container.name()));
        }
      }
      if (!steps.isEmpty()) {
        return;
      }
      observed.sandboxes().stream()
          .filter(Sandbox::ready)
          .forEach(sandbox -> steps.add(new Step.StopSandbox(sandbox.id())));
      observed.containers().forEach(c -> steps.add(new Step.RemoveContainer(c.id())));
      observed.sandboxes().forEach(sandbox -> steps.add(new Step.RemoveSandbox(sandbox.id())));
      if (steps.isEmpty()) {
        steps.add(new Step.Done());
      }
    }

    /// A finished pod keeps its containers, for their logs, but neither network nor sidecars.
    private void rest() {
      for (ObservedPod.Container container : observed.containers()) {
        if (container.running()) {
          steps.add(new Step.Kill(container, "Stopping container " + container.name()));
        }
      }
      if (steps.isEmpty()) {
        observed.sandboxes().stream()
            .filter(Sandbox::ready)
            .forEach(sandbox -> steps.add(new Step.StopSandbox(sandbox.id())));
      }
    }

    private void newSandbox() {
      // A dead sandbox may still hold an address and mounts, so it is stopped before its successor.
      observed.sandboxes().forEach(dead -> steps.add(new Step.StopSandbox(dead.id())));
      int attempt = observed.sandboxes().stream().mapToInt(Sandbox::attempt).max().orElse(-1) + 1;
      steps.add(new Step.RunSandbox(attempt));
    }

    private void stopOtherSandboxes(Sandbox current) {
      observed.sandboxes().stream()
          .filter(other -> other.ready() && !other.id().equals(current.id()))
          .forEach(other -> steps.add(new Step.StopSandbox(other.id())));
    }

    /// Plans the init containers; true once the app containers may run.
    private boolean initialised(Sandbox sandbox) {
      boolean appsExist =
          RestartRule.apps(pod).stream()
              .anyMatch(app -> observed.latestIn(sandbox, app.getName()).isPresent());
      for (Container init : RestartRule.init(pod)) {
        Optional<ObservedPod.Container> run = observed.latestIn(sandbox, init.getName());
        if (RestartRule.sidecar(init)) {
          keepRunning(init, sandbox);
          boolean up = run.filter(r -> r.running() && now.started().contains(r.id())).isPresent();
          if (!up && !appsExist) {
            return false;
          }
        } else if (!appsExist && !initDone(init, run, sandbox)) {
          return false;
        }
      }
      return true;
    }

    private boolean initDone(Container init, Optional<ObservedPod.Container> run, Sandbox sandbox) {
      if (run.isPresent() && run.get().exited() && run.get().exitCode() == 0) {
        return true;
      }
      if (run.isEmpty() || !run.get().running()) {
        start(init, run, sandbox);
      }
      return false;
    }

    private void keepRunning(Container container, Sandbox sandbox) {
      if (doneForGood(container)) {
        return;
      }
      Optional<ObservedPod.Container> run = observed.latestIn(sandbox, container.getName());
      if (run.isEmpty() || run.get().state() == ObservedPod.State.CREATED) {
        start(container, run, sandbox);
        return;
      }
      ObservedPod.Container last = run.get();
      if (last.running()) {
        if (!last.specHash().equals(ContainerSpec.hash(container))) {
          steps.add(
              new Step.Kill(
                  last, "Container " + last.name() + " definition changed, will be restarted"));
        } else if (now.unhealthy().contains(last.id())) {
          steps.add(
              new Step.Kill(
                  last, "Container " + last.name() + " failed liveness probe, will be restarted"));
        }
      } else {
        start(container, run, sandbox);
      }
    }

    /// Ended in an earlier sandbox, perhaps, with nothing left to do in this one.
    private boolean doneForGood(Container container) {
      return !RestartRule.sidecar(container)
          && observed
              .latest(container.getName())
              .filter(run -> run.exited() && !RestartRule.restarts(pod, run.exitCode()))
              .isPresent();
    }

    private void start(Container container, Optional<ObservedPod.Container> last, Sandbox sandbox) {
      if (last.isPresent() && last.get().state() == ObservedPod.State.CREATED) {
        // Left half-made when the process ended between create and start.
        steps.add(new Step.RemoveContainer(last.get().id()));
        steps.add(new Step.Start(container, sandbox, last.get().restarts()));
        return;
      }
      if (last.isPresent()) {
        Instant rest = now.notBefore().apply(last.get());
        if (rest.isAfter(now.now())) {
          again = again == null || rest.isBefore(again) ? rest : again;
          return;
        }
      }
      steps.add(new Step.Start(container, sandbox, observed.nextRestarts(container.getName())));
    }

    /// Keeps the newest run of each container and the one before it, for `logs --previous`.
    private void tidy(Sandbox current) {
      boolean settled = true;
      for (Container container : RestartRule.all(pod)) {
        List<ObservedPod.Container> runs = observed.runs(container.getName());
        settled &= observed.latestIn(current, container.getName()).isPresent();
        runs.stream()
            .skip(2)
            .filter(old -> !old.running())
            .forEach(old -> steps.add(new Step.RemoveContainer(old.id())));
      }
      if (settled) {
        observed.sandboxes().stream()
            .filter(old -> !old.ready())
            .forEach(old -> steps.add(new Step.RemoveSandbox(old.id())));
      }
    }
  }
}
