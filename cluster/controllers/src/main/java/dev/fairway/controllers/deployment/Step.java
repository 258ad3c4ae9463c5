// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatus;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import java.time.Duration;

/// One thing to do for a Deployment.
sealed interface Step {
  /// A ReplicaSet without a controller whose labels match becomes the Deployment's.
  record Adopt(ReplicaSet replicaSet) implements Step {}

  /// A ReplicaSet that no longer matches is let go.
  record Release(ReplicaSet replicaSet) implements Step {}

  /// Creates the ReplicaSet of the present template.
  record Create(ReplicaSet replicaSet) implements Step {}

  /// Writes a ReplicaSet with a new size.
  record Scale(ReplicaSet replicaSet, int from) implements Step {}

  /// Writes a ReplicaSet with new annotations or minReadySeconds.
  record Annotate(ReplicaSet replicaSet) implements Step {}

  /// Deletes a ReplicaSet beyond the history limit.
  record Prune(ReplicaSet replicaSet) implements Step {}

  /// Tells users the revision the Deployment is at.
  record SetRevision(Deployment deployment, String revision) implements Step {}

  record SetStatus(Deployment deployment, DeploymentStatus status) implements Step {}

  /// Looks again later, because time alone may change the status.
  record LookAgain(Duration after) implements Step {}
}
