// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import io.fabric8.kubernetes.api.model.PodStatus;
import java.util.function.Consumer;

/// What all pods of a node share.
///
/// @param events takes what is worth telling users
record NodeContext(
    KubeletConfig config,
    Machine machine,
    Cri cri,
    Volumes volumes,
    ClusterObjects objects,
    Actions actions,
    Consumer<EventRecorder.Happening> events,
    StatusSink statuses) {

  /// Takes what became of pods. Calls do not block.
  interface StatusSink {
    void report(PodRef pod, PodStatus status);

    /// Nothing of a deleted pod is left on the node: its object may go after this last status.
    void gone(PodRef pod, PodStatus last);
  }
}
