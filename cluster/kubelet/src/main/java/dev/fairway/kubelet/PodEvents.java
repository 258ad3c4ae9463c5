// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Container;
import java.util.function.Consumer;

/// Tells the cluster what happens to one pod.
final class PodEvents {
  private final Consumer<EventRecorder.Happening> recorder;
  private final PodRef pod;

  PodEvents(Consumer<EventRecorder.Happening> recorder, PodRef pod) {
    this.recorder = recorder;
    this.pod = pod;
  }

  void pod(String type, String reason, String message) {
    recorder.accept(new EventRecorder.Happening(pod, "", type, reason, message));
  }

  void container(Container container, String type, String reason, String message) {
    String field = "spec.containers{" + container.getName() + "}";
    recorder.accept(new EventRecorder.Happening(pod, field, type, reason, message));
  }

  void container(String container, String type, String reason, String message) {
    String field = "spec.containers{" + container + "}";
    recorder.accept(new EventRecorder.Happening(pod, field, type, reason, message));
  }
}
