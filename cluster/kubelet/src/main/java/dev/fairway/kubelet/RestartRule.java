// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// When a container that ended runs again, and the reading of a pod's container lists.
final class RestartRule {
  private RestartRule() {}

  /// A sidecar is an init container that keeps running beside the others (KEP-753).
  static boolean sidecar(Container container) {
    return "Always".equals(container.getRestartPolicy());
  }

  static boolean restarts(Pod pod, int exitCode) {
    return switch (policy(pod)) {
      case "Never" -> false;
      case "OnFailure" -> exitCode != 0;
      default -> true;
    };
  }

  /// Init containers run to success once, so only `Never` stops them from being tried again.
  static boolean restartsInit(Pod pod) {
    return !policy(pod).equals("Never");
  }

  static List<Container> init(Pod pod) {
    List<Container> containers = pod.getSpec().getInitContainers();
    return containers == null ? List.of() : containers;
  }

  static List<Container> apps(Pod pod) {
    List<Container> containers = pod.getSpec().getContainers();
    return containers == null ? List.of() : containers;
  }

  /// Init containers first.
  static List<Container> all(Pod pod) {
    List<Container> all = new ArrayList<>(init(pod));
    all.addAll(apps(pod));
    return all;
  }

  static Optional<Container> find(Pod pod, String name) {
    return all(pod).stream().filter(c -> c.getName().equals(name)).findFirst();
  }

  /// Whether this end of a run leads to another one, as far as its container is concerned.
  static boolean runsAgain(Pod pod, Container container, int exitCode) {
    if (sidecar(container)) {
      return true;
    }
    return init(pod).contains(container)
        ? restartsInit(pod) && exitCode != 0
        : restarts(pod, exitCode);
  }

  private static String policy(Pod pod) {
    String policy = pod.getSpec().getRestartPolicy();
    return policy == null ? "Always" : policy;
  }
}
