// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// What the container runtime has of one pod at a moment.
///
/// @param sandboxes newest first
/// @param containers newest first
record ObservedPod(List<Sandbox> sandboxes, List<Container> containers) {
  static final ObservedPod NOTHING = new ObservedPod(List.of(), List.of());

  ObservedPod {
    sandboxes = sorted(sandboxes, Comparator.comparing(Sandbox::created));
    containers =
        sorted(
            containers,
            Comparator.comparing(Container::created).thenComparingInt(Container::restarts));
  }

  /// @param addresses of the pod, empty on the host network or while not ready
  record Sandbox(String id, boolean ready, Instant created, int attempt, List<String> addresses) {}

  enum State {
    CREATED,
    RUNNING,
    EXITED,
    UNKNOWN
  }

  /// One run of a container.
  ///
  /// @param restarts how many runs of this container came before
  /// @param started meaningless unless it ran
  /// @param finished meaningless unless it exited
  /// @param message what the process left at its termination message path, or the runtime's words
  record Container(
      String id,
      String sandbox,
      String name,
      State state,
      int restarts,
      String image,
      String imageRef,
      Instant created,
      Instant started,
      Instant finished,
      int exitCode,
      String reason,
      String message,
      String specHash) {

    boolean running() {
      return state == State.RUNNING;
    }

    boolean exited() {
      return state == State.EXITED || state == State.UNKNOWN;
    }
  }

  /// The sandbox new containers belong in; empty if none is ready.
  Optional<Sandbox> readySandbox() {
    return sandboxes.stream().filter(Sandbox::ready).findFirst();
  }

  /// The newest run of a container, in whichever sandbox.
  Optional<Container> latest(String name) {
    return runs(name).stream().findFirst();
  }

  /// Every run of a container still known, newest first.
  List<Container> runs(String name) {
    return containers.stream().filter(c -> c.name().equals(name)).toList();
  }

  /// The newest run of a container in one sandbox.
  Optional<Container> latestIn(Sandbox sandbox, String name) {
    return containers.stream()
        .filter(c -> c.sandbox().equals(sandbox.id()) && c.name().equals(name))
        .findFirst();
  }

  /// The number the next run of a container gets.
  int nextRestarts(String name) {
    return runs(name).stream().mapToInt(Container::restarts).max().orElse(-1) + 1;
  }

  boolean anyRunning() {
    return containers.stream().anyMatch(Container::running);
  }

  private static <T> List<T> sorted(List<T> list, Comparator<T> oldestFirst) {
    List<T> copy = new ArrayList<>(list);
    copy.sort(oldestFirst.reversed());
    return List.copyOf(copy);
  }
}
