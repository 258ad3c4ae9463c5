// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import dev.fairway.controllers.objects.LabelSelectors;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The annotations by which `kubectl rollout` follows a Deployment's history.
final class Revisions {
  static final String REVISION = "deployment.kubernetes.io/revision";
  static final String HISTORY = "deployment.kubernetes.io/revision-history";
  static final String DESIRED = "deployment.kubernetes.io/desired-replicas";
  static final String MAX = "deployment.kubernetes.io/max-replicas";

  /// What stays on the Deployment and is not copied to its ReplicaSets.
  private static final Set<String> NOT_COPIED =
      Set.of(
          "kubectl.kubernetes.io/last-applied-configuration",
          REVISION,
          HISTORY,
          DESIRED,
          MAX,
          "deprecated.deployment.rollback.to");

  /// Bounds the list of earlier revisions a ReplicaSet carries, in characters, as upstream does.
  private static final int HISTORY_LENGTH = 2000;

  private Revisions() {}

  static long of(HasMetadata object) {
    return number(LabelSelectors.annotations(object), REVISION, 0);
  }

  static long number(Map<String, String> annotations, String key, long ifAbsent) {
    String text = annotations.get(key);
    if (text == null) {
      return ifAbsent;
    }
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      return ifAbsent;
    }
  }

  static long newest(List<ReplicaSet> replicaSets) {
    long newest = 0;
    for (ReplicaSet replicaSet : replicaSets) {
      newest = Math.max(newest, of(replicaSet));
    }
    return newest;
  }

  /// The annotations of the ReplicaSet that is at `revision` now.
  static Map<String, String> annotations(
      Deployment deployment, Map<String, String> present, long revision) {
    Map<String, String> wanted = new HashMap<>(present);
    LabelSelectors.annotations(deployment)
        .forEach((key, value) -> {
          if (!NOT_COPIED.contains(key)) {
            wanted.put(key, value);
          }
        });
    long before = number(present, REVISION, 0);
    if (before < revision) {
      wanted.put(REVISION, Long.toString(revision));
      if (before > 0) {
        String history = present.get(HISTORY);
        String longer = history == null ? "" + before : history + "," + before;
        if (longer.length() <= HISTORY_LENGTH) {
          wanted.put(HISTORY, longer);
        }
      }
    }
    return wanted;
  }

  /// Notes the size the Deployment had in mind, which later shows whether it was scaled since.
  static void noteSize(Map<String, String> annotations, int desired, int max) {
    annotations.put(DESIRED, Integer.toString(desired));
    annotations.put(MAX, Integer.toString(max));
  }
}
