// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import java.nio.file.Path;

/// What the node's API needs to know of the pods that run here.
public interface NodePods {
  /// The pods as a JSON `PodList`.
  String listJson();

  /// The sandbox of a running pod.
  ///
  /// @throws ApiProblem if there is none
  String sandbox(String namespace, String pod) throws ApiProblem;

  /// The id of a running container.
  ///
  /// @param container empty for the pod's only one
  /// @throws ApiProblem if it does not run
  String running(String namespace, String pod, String container) throws ApiProblem;

  /// The log of a container's newest run, or of the one before.
  ///
  /// @throws ApiProblem if there is no such run
  Log log(String namespace, String pod, String container, boolean previous) throws ApiProblem;

  /// A run's log, which grows until the run has ended.
  interface Log {
    Path file();

    boolean ended();
  }
}
