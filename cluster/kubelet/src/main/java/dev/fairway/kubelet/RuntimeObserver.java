// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.v1.ContainerState;
import dev.fairway.kubelet.cri.v1.ContainerStatus;
import dev.fairway.kubelet.cri.v1.PodSandbox;
import dev.fairway.kubelet.cri.v1.PodSandboxState;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Reads what the runtime has of one pod. For the use of one thread.
///
/// A sandbox's addresses and an ended container's status do not change, so each is asked for once.
final class RuntimeObserver {
  private static final int MAX_MESSAGE_BYTES = 4096;
  private static final int MAX_LOG_TAIL_BYTES = 2048;

  private final Cri cri;
  private final PodRef pod;
  private final TerminationMessages terminations;
  private Map<String, List<String>> addresses = new HashMap<>();
  private Map<String, ObservedPod.Container> ended = new HashMap<>();

  RuntimeObserver(Cri cri, PodRef pod, TerminationMessages terminations) {
    this.cri = cri;
    this.pod = pod;
    this.terminations = terminations;
  }

  ObservedPod observe() {
    Map<String, String> mine = Map.of(Labels.POD_UID, pod.uid());
    List<ObservedPod.Sandbox> sandboxes = new ArrayList<>();
    Map<String, List<String>> knownAddresses = new HashMap<>();
    for (PodSandbox sandbox : cri.sandboxes(mine)) {
      boolean ready = sandbox.getState() == PodSandboxState.SANDBOX_READY;
      List<String> ips = ready ? addresses(sandbox.getId()) : List.of();
      knownAddresses.put(sandbox.getId(), ips);
      sandboxes.add(
          new ObservedPod.Sandbox(
              sandbox.getId(),
              ready,
              ofNanos(sandbox.getCreatedAt()),
              sandbox.getMetadata().getAttempt(),
              ips));
    }
    Map<String, ObservedPod.Container> knownEnded = new HashMap<>();
    List<ObservedPod.Container> containers = new ArrayList<>();
    for (var listed : cri.containers(mine)) {
      container(listed.getId(), listed.getPodSandboxId())
          .ifPresent(container -> {
            containers.add(container);
            if (container.state() == ObservedPod.State.EXITED) {
              knownEnded.put(container.id(), container);
            }
          });
    }
    addresses = knownAddresses;
    ended = knownEnded;
    return new ObservedPod(sandboxes, containers);
  }

  private List<String> addresses(String sandbox) {
    List<String> known = addresses.get(sandbox);
    if (known != null && !known.isEmpty()) {
      return known;
    }
    List<String> found = new ArrayList<>();
    cri.sandbox(sandbox)
        .ifPresent(status -> {
          if (!status.getNetwork().getIp().isEmpty()) {
            found.add(status.getNetwork().getIp());
          }
          status.getNetwork().getAdditionalIpsList().forEach(ip -> found.add(ip.getIp()));
        });
    return List.copyOf(found);
  }

  private Optional<ObservedPod.Container> container(String id, String sandbox) {
    ObservedPod.Container known = ended.get(id);
    return known != null
        ? Optional.of(known)
        : cri.container(id).map(status -> read(status, sandbox));
  }

  private ObservedPod.Container read(ContainerStatus status, String sandbox) {
    ObservedPod.State state = state(status.getState());
    Map<String, String> notes = status.getAnnotationsMap();
    String message = state == ObservedPod.State.EXITED ? message(status) : status.getMessage();
    return new ObservedPod.Container(
        status.getId(),
        sandbox,
        status.getMetadata().getName(),
        state,
        status.getMetadata().getAttempt(),
        status.getImage().getImage(),
        status.getImageRef(),
        ofNanos(status.getCreatedAt()),
        ofNanos(status.getStartedAt()),
        ofNanos(status.getFinishedAt()),
        status.getExitCode(),
        status.getReason(),
        message,
        notes.getOrDefault(Labels.CONTAINER_HASH, ""));
  }

  private static ObservedPod.State state(ContainerState state) {
    return switch (state) {
      case CONTAINER_CREATED -> ObservedPod.State.CREATED;
      case CONTAINER_RUNNING -> ObservedPod.State.RUNNING;
      case CONTAINER_EXITED -> ObservedPod.State.EXITED;
      case CONTAINER_UNKNOWN, UNRECOGNIZED -> ObservedPod.State.UNKNOWN;
    };
  }

  private String message(ContainerStatus status) {
    Map<String, String> notes = status.getAnnotationsMap();
    String left = "";
    Path file =
        terminations.file(status.getMetadata().getName(), status.getMetadata().getAttempt());
    if (shows(status, notes.getOrDefault(Labels.TERMINATION_PATH, ""), file)) {
      left = TerminationMessages.tail(file, MAX_MESSAGE_BYTES);
    }
    if (left.isEmpty()
        && status.getExitCode() != 0
        && "FallbackToLogsOnError".equals(notes.get(Labels.TERMINATION_POLICY))) {
      left = TerminationMessages.tail(Path.of(status.getLogPath()), MAX_LOG_TAIL_BYTES);
    }
    return left.isEmpty() ? status.getMessage() : left;
  }

  /// Whether the container wrote its message to our file. A volume may lie there instead, with
  /// whatever its pod put in it.
  private static boolean shows(ContainerStatus status, String containerPath, Path file) {
    return status.getMountsList().stream()
        .anyMatch(mount ->
            mount.getContainerPath().equals(containerPath)
                && mount.getHostPath().equals(file.toString()));
  }

  private static Instant ofNanos(long nanos) {
    return Instant.ofEpochSecond(0, nanos);
  }
}
