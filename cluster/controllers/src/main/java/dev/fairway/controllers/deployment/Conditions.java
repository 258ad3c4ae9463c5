// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import io.fabric8.kubernetes.api.model.apps.DeploymentCondition;
import io.fabric8.kubernetes.api.model.apps.DeploymentConditionBuilder;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The conditions of a Deployment's status, with the reasons kubectl and others look for.
final class Conditions {
  private final List<DeploymentCondition> conditions;
  private final String now;

  Conditions(@Nullable DeploymentStatus present, String now) {
    this.conditions =
        (present == null || present.getConditions() == null)
            ? new ArrayList<>()
            : new ArrayList<>(present.getConditions());
    this.now = now;
  }

  Optional<DeploymentCondition> get(String type) {
    return conditions.stream().filter(each -> each.getType().equals(type)).findFirst();
  }

  boolean hasReason(String type, String reason) {
    return get(type).map(each -> reason.equals(each.getReason())).orElse(false);
  }

  void remove(String type) {
    conditions.removeIf(each -> each.getType().equals(type));
  }

  /// Sets a condition unless it stands already with that status and reason.
  void set(String type, String status, String reason, String message) {
    Optional<DeploymentCondition> present = get(type);
    if (present.isPresent()
        && present.get().getStatus().equals(status)
        && reason.equals(present.get().getReason())) {
      return;
    }
    replace(type, status, reason, message);
  }

  /// Sets a condition with a new update time, because something moved.
  void replace(String type, String status, String reason, String message) {
    Optional<DeploymentCondition> present = get(type);
    boolean sameStatus = present.map(each -> each.getStatus().equals(status)).orElse(false);
    DeploymentCondition condition =
        new DeploymentConditionBuilder()
            .withType(type)
            .withStatus(status)
            .withReason(reason)
            .withMessage(message)
            .withLastUpdateTime(now)
            .withLastTransitionTime(sameStatus ? present.get().getLastTransitionTime() : now)
            .build();
    remove(type);
    conditions.add(condition);
  }

  List<DeploymentCondition> list() {
    return conditions;
  }
}
