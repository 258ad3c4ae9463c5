// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// What a pod's spec and status mean.
public final class Pods {
  private Pods() {}

  public static String phase(Pod pod) {
    return (pod.getStatus() == null || pod.getStatus().getPhase() == null)
        ? "Pending"
        : pod.getStatus().getPhase();
  }

  /// Whether all its containers have ended for good.
  public static boolean isTerminal(Pod pod) {
    String phase = phase(pod);
    return phase.equals("Succeeded") || phase.equals("Failed");
  }

  /// Whether it counts for an owner: it neither ended nor is going away.
  public static boolean isActive(Pod pod) {
    return !isTerminal(pod) && !Owners.isBeingDeleted(pod);
  }

  public static Optional<PodCondition> condition(Pod pod, String type) {
    if (pod.getStatus() != null && pod.getStatus().getConditions() != null) {
      for (PodCondition condition : pod.getStatus().getConditions()) {
        if (condition.getType().equals(type)) {
          return Optional.of(condition);
        }
      }
    }
    return Optional.empty();
  }

  public static boolean isReady(Pod pod) {
    return condition(pod, "Ready").map(c -> "True".equals(c.getStatus())).orElse(false);
  }

  /// When it became ready, empty if it is not.
  public static Optional<Instant> readySince(Pod pod) {
    return condition(pod, "Ready")
        .filter(c -> "True".equals(c.getStatus()))
        .map(c ->
            c.getLastTransitionTime() == null ? Instant.EPOCH : time(c.getLastTransitionTime()));
  }

  /// Whether it has been ready for `minReady`.
  public static boolean isAvailable(Pod pod, Duration minReady, Instant now) {
    return readySince(pod).map(since -> !since.plus(minReady).isAfter(now)).orElse(false);
  }

  public static boolean isAssigned(Pod pod) {
    return pod.getSpec().getNodeName() != null && !pod.getSpec().getNodeName().isEmpty();
  }

  /// How often its containers were restarted, the highest of them.
  public static int restarts(Pod pod) {
    if (pod.getStatus() == null || pod.getStatus().getContainerStatuses() == null) {
      return 0;
    }
    return pod.getStatus().getContainerStatuses().stream()
        .mapToInt(status -> status.getRestartCount() == null ? 0 : status.getRestartCount())
        .max()
        .orElse(0);
  }

  /// Reads a time as Kubernetes writes it.
  public static Instant time(String timestamp) {
    return Instant.parse(timestamp);
  }

  public static Instant created(HasMetadata object) {
    String created = object.getMetadata().getCreationTimestamp();
    return created == null ? Instant.EPOCH : time(created);
  }

  /// A pod of a template, named by the server after its owner.
  public static Pod fromTemplate(PodTemplateSpec template, HasMetadata owner) {
    ObjectMeta of = template.getMetadata() == null ? new ObjectMeta() : template.getMetadata();
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(owner.getMetadata().getNamespace())
        .withGenerateName(namePrefix(owner.getMetadata().getName()))
        .withLabels(of.getLabels() == null ? Map.of() : new HashMap<>(of.getLabels()))
        .withAnnotations(
            of.getAnnotations() == null ? Map.of() : new HashMap<>(of.getAnnotations()))
        .withFinalizers(of.getFinalizers())
        .withOwnerReferences(Owners.controllerReference(owner))
        .endMetadata()
        .withSpec(template.getSpec())
        .build();
  }

  /// What the server puts before the random end of a pod's name, within 63 characters in all.
  public static String namePrefix(String owner) {
    return (owner.length() > 57 ? owner.substring(0, 57) : owner) + "-";
  }
}
