// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.replicaset;

import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.util.List;

/// One thing to do for a ReplicaSet.
sealed interface Step {
  record Adopt(Pod pod) implements Step {}

  record Release(Pod pod) implements Step {}

  /// Creates pods of the ReplicaSet's template.
  record CreatePods(int count) implements Step {}

  record DeletePods(List<Pod> pods) implements Step {}

  /// Looks again when the next pod has been ready long enough.
  record LookAgain(Duration after) implements Step {}
}
