// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.List;

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

  private static String policy(Pod pod) {
    String policy = pod.getSpec().getRestartPolicy();
    return policy == null ? "Always" : policy;
  }
}
