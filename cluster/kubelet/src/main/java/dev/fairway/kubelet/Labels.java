// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

/// The labels and annotations that tie sandboxes and containers to pods. They are the ones crictl,
/// log collectors and other kubelets know, and all that a restarted kubelet has to go by.
final class Labels {
  static final String POD_NAME = "io.kubernetes.pod.name";
  static final String POD_NAMESPACE = "io.kubernetes.pod.namespace";
  static final String POD_UID = "io.kubernetes.pod.uid";
  static final String CONTAINER_NAME = "io.kubernetes.container.name";

  static final String RESTART_COUNT = "io.kubernetes.container.restartCount";
  static final String CONTAINER_HASH = "io.kubernetes.container.hash";
  static final String TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath";
  static final String TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy";

  private Labels() {}
}
