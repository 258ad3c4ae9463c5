// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.Actions.Target;
import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.LifecycleHandler;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Stops containers of one pod within their grace period, beside the pod's worker.
///
/// Asking again while one is being stopped does nothing, unless it shall end sooner.
final class ContainerStopper {
  private static final Logger LOG = LoggerFactory.getLogger(ContainerStopper.class);

  // Even after a long preStop hook a process gets this long to end.
  private static final Duration LEAST_AFTER_HOOK = Duration.ofSeconds(2);

  private final Cri cri;
  private final Actions actions;
  private final PodEvents events;
  private final Runnable wake;
  private final Map<String, Instant> deadlines = new ConcurrentHashMap<>();

  ContainerStopper(Cri cri, Actions actions, PodEvents events, Runnable wake) {
    this.cri = cri;
    this.actions = actions;
    this.events = events;
    this.wake = wake;
  }

  /// @param spec empty if the pod's text is no longer known
  /// @param address of the pod, for hooks
  void stop(
      ObservedPod.Container run,
      Optional<Container> spec,
      Duration grace,
      String address,
      String why) {
    Instant deadline = SteadyTime.now().plus(grace);
    Instant before = deadlines.get(run.id());
    if (before != null && !deadline.isBefore(before.minusSeconds(1))) {
      return;
    }
    deadlines.put(run.id(), deadline);
    if (before == null) {
      events.container(run.name(), "Normal", "Killing", why);
    }
    Optional<LifecycleHandler> hook =
        before != null
            ? Optional.empty()
            : spec.map(Container::getLifecycle).map(lifecycle -> lifecycle.getPreStop());
    Thread.ofVirtual()
        .name("stop-" + run.name())
        .start(() -> stop(run, spec, hook, deadline, address));
  }

  private void stop(
      ObservedPod.Container run,
      Optional<Container> spec,
      Optional<LifecycleHandler> hook,
      Instant deadline,
      String address) {
    try {
      if (hook.isPresent() && spec.isPresent()) {
        preStop(new Target(spec.get(), run.id(), address), hook.get(), deadline);
      }
      Duration left = Duration.between(SteadyTime.now(), deadline);
      Duration least = hook.isPresent() ? LEAST_AFTER_HOOK : Duration.ZERO;
      cri.stopContainer(run.id(), left.compareTo(least) < 0 ? least : roundUp(left));
    } catch (CriException e) {
      LOG.warn("container {} not stopped: {}", run.name(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      deadlines.remove(run.id());
      wake.run();
    }
  }

  private void preStop(Target target, LifecycleHandler hook, Instant deadline)
      throws InterruptedException {
    Duration limit = Duration.between(SteadyTime.now(), deadline);
    if (!limit.isPositive()) {
      return;
    }
    Actions.Outcome outcome = actions.hook(hook, target, limit);
    if (!outcome.success()) {
      events.container(
          target.container(),
          "Warning",
          "FailedPreStopHook",
          "PreStopHook failed: " + outcome.output());
    }
  }

  private static Duration roundUp(Duration duration) {
    return Duration.ofSeconds((duration.toMillis() + 999) / 1000);
  }
}
