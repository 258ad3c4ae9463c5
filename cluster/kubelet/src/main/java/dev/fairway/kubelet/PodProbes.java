// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.Actions.Target;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// The probes of one pod's running containers. For the use of one thread.
final class PodProbes implements AutoCloseable {
  private final Actions actions;
  private final PodEvents events;
  private final Runnable changed;
  private final Map<String, ContainerProbes> probes = new HashMap<>();

  PodProbes(Actions actions, PodEvents events, Runnable changed) {
    this.actions = actions;
    this.events = events;
    this.changed = changed;
  }

  /// Probes exactly what runs now; of a pod that is to stop, only the readiness.
  void follow(Pod pod, ObservedPod observed, String address, boolean stopping) {
    Set<String> running = new HashSet<>();
    for (ObservedPod.Container run : observed.containers()) {
      Optional<Container> text = RestartRule.find(pod, run.name());
      if (run.running() && text.isPresent()) {
        running.add(run.id());
        probes.computeIfAbsent(
            run.id(), _ -> begin(pod, run, new Target(text.get(), run.id(), address)));
      }
    }
    if (stopping) {
      probes.values().forEach(ContainerProbes::stopping);
    }
    probes
        .entrySet()
        .removeIf(entry -> {
          boolean over = !running.contains(entry.getKey());
          if (over) {
            entry.getValue().close();
          }
          return over;
        });
  }

  Set<String> failed() {
    return ids(ContainerProbes::failed);
  }

  Set<String> started() {
    return ids(ContainerProbes::started);
  }

  Set<String> ready() {
    return ids(ContainerProbes::ready);
  }

  @Override
  public void close() {
    probes.values().forEach(ContainerProbes::close);
  }

  private ContainerProbes begin(Pod pod, ObservedPod.Container run, Target target) {
    // What was told of this very container before this process began still stands.
    Optional<ContainerStatus> before =
        pod.getStatus() == null
            ? Optional.empty()
            : Stream.concat(
                    pod.getStatus().getContainerStatuses().stream(),
                    pod.getStatus().getInitContainerStatuses().stream())
                .filter(status -> ("containerd://" + run.id()).equals(status.getContainerID()))
                .findFirst();
    return new ContainerProbes(
        actions,
        target,
        run.started(),
        before.map(status -> Boolean.TRUE.equals(status.getStarted())).orElse(false),
        before.map(status -> Boolean.TRUE.equals(status.getReady())).orElse(false),
        changed,
        (kind, output) ->
            events.container(
                target.container(),
                "Warning",
                "Unhealthy",
                kind.substring(0, 1).toUpperCase(Locale.ROOT)
                    + kind.substring(1)
                    + " probe failed: "
                    + output));
  }

  private Set<String> ids(Predicate<ContainerProbes> which) {
    Set<String> ids = new HashSet<>();
    probes.forEach((id, probe) -> {
      if (which.test(probe)) {
        ids.add(id);
      }
    });
    return ids;
  }
}
