// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.Portions;
import dev.fairway.controllers.objects.TemplateHash;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentStrategy;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.RollingUpdateDeployment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A Deployment and its ReplicaSets, told apart into the one of the present template and the rest.
///
/// @param current the ReplicaSet of the present template, if there is one yet
/// @param old the others, oldest first
record Rollout(Deployment deployment, Optional<ReplicaSet> current, List<ReplicaSet> old) {
  static final Comparator<ReplicaSet> BY_AGE =
      Comparator.comparing((ReplicaSet rs) -> Pods.created(rs))
          .thenComparing(rs -> rs.getMetadata().getName());

  static Rollout of(Deployment deployment, List<ReplicaSet> owned) {
    List<ReplicaSet> byAge = new ArrayList<>(owned);
    byAge.sort(BY_AGE);
    ReplicaSet current = null;
    for (ReplicaSet each : byAge) {
      if (current == null
          && !Owners.isBeingDeleted(each)
          && sameTemplate(deployment.getSpec().getTemplate(), each.getSpec().getTemplate())) {
        current = each;
      }
    }
    byAge.remove(current);
    return new Rollout(deployment, Optional.ofNullable(current), List.copyOf(byAge));
  }

  /// Compares templates without the hash label that this controller adds.
  static boolean sameTemplate(PodTemplateSpec wanted, PodTemplateSpec present) {
    return Objects.equals(wanted.getSpec(), present.getSpec())
        && withoutHash(wanted).equals(withoutHash(present));
  }

  private static PodTemplateSpec withoutHash(PodTemplateSpec template) {
    PodTemplateSpec metadataOnly = new PodTemplateSpec(template.getMetadata(), null);
    if (template.getMetadata() == null || template.getMetadata().getLabels() == null) {
      return new PodTemplateSpecBuilder(metadataOnly)
          .editOrNewMetadata()
          .withLabels(Map.of())
          .withCreationTimestamp(null)
          .endMetadata()
          .build();
    }
    Map<String, String> labels = new HashMap<>(template.getMetadata().getLabels());
    labels.remove(TemplateHash.LABEL);
    return new PodTemplateSpecBuilder(metadataOnly)
        .editMetadata()
        .withLabels(labels)
        .withCreationTimestamp(null)
        .endMetadata()
        .build();
  }

  /// Every ReplicaSet, oldest first.
  List<ReplicaSet> all() {
    List<ReplicaSet> all = new ArrayList<>(old);
    current.ifPresent(all::add);
    all.sort(BY_AGE);
    return all;
  }

  int wanted() {
    return number(deployment.getSpec().getReplicas(), 1);
  }

  boolean isRolling() {
    DeploymentStrategy strategy = deployment.getSpec().getStrategy();
    return strategy == null || !"Recreate".equals(strategy.getType());
  }

  /// How many pods there may be above the wanted number.
  int maxSurge() {
    if (!isRolling()) {
      return 0;
    }
    RollingUpdateDeployment rolling = rolling();
    return Portions.roundedUp(rolling == null ? null : rolling.getMaxSurge(), wanted(), "25%");
  }

  /// How many of the wanted pods may be unavailable. Both limits at zero would never move, so then
  /// one may be, as upstream has it.
  int maxUnavailable() {
    if (!isRolling() || wanted() == 0) {
      return 0;
    }
    RollingUpdateDeployment rolling = rolling();
    int unavailable =
        Portions.roundedDown(rolling == null ? null : rolling.getMaxUnavailable(), wanted(), "25%");
    return (unavailable == 0 && maxSurge() == 0) ? 1 : Math.min(unavailable, wanted());
  }

  private @Nullable RollingUpdateDeployment rolling() {
    DeploymentStrategy strategy = deployment.getSpec().getStrategy();
    return strategy == null ? null : strategy.getRollingUpdate();
  }

  /// Whether the Deployment was scaled since its ReplicaSets were last sized.
  boolean wasScaled() {
    for (ReplicaSet each : all()) {
      if (size(each) > 0) {
        long noted = Revisions.number(LabelSelectors.annotations(each), Revisions.DESIRED, -1);
        if (noted >= 0 && noted != wanted()) {
          return true;
        }
      }
    }
    return false;
  }

  static int size(ReplicaSet replicaSet) {
    return number(replicaSet.getSpec().getReplicas(), 1);
  }

  static int pods(ReplicaSet replicaSet) {
    return replicaSet.getStatus() == null ? 0 : number(replicaSet.getStatus().getReplicas(), 0);
  }

  static int ready(ReplicaSet replicaSet) {
    return replicaSet.getStatus() == null
        ? 0
        : number(replicaSet.getStatus().getReadyReplicas(), 0);
  }

  static int available(ReplicaSet replicaSet) {
    return replicaSet.getStatus() == null
        ? 0
        : number(replicaSet.getStatus().getAvailableReplicas(), 0);
  }

  static int number(@Nullable Integer value, int ifAbsent) {
    return value == null ? ifAbsent : value;
  }
}
