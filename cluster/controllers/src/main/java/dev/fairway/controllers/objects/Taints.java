// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.TaintBuilder;
import io.fabric8.kubernetes.api.model.Toleration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Taints of nodes and who tolerates them.
public final class Taints {
  public static final String NOT_READY = "node.kubernetes.io/not-ready";
  public static final String UNREACHABLE = "node.kubernetes.io/unreachable";
  public static final String UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
  public static final String NO_SCHEDULE = "NoSchedule";
  public static final String NO_EXECUTE = "NoExecute";
  public static final String PREFER_NO_SCHEDULE = "PreferNoSchedule";

  private Taints() {}

  public static Taint of(String key, String effect) {
    return new TaintBuilder().withKey(key).withEffect(effect).build();
  }

  public static List<Taint> of(Node node) {
    return (node.getSpec() == null || node.getSpec().getTaints() == null)
        ? List.of()
        : node.getSpec().getTaints();
  }

  public static boolean tolerates(@Nullable List<Toleration> tolerations, Taint taint) {
    return tolerations != null && tolerations.stream().anyMatch(each -> tolerates(each, taint));
  }

  public static boolean tolerates(Toleration toleration, Taint taint) {
    if (!isEmpty(toleration.getEffect()) && !toleration.getEffect().equals(taint.getEffect())) {
      return false;
    }
    boolean exists = "Exists".equals(toleration.getOperator());
    if (isEmpty(toleration.getKey())) {
      return exists;
    }
    return toleration.getKey().equals(taint.getKey())
        && (exists || text(toleration.getValue()).equals(text(taint.getValue())));
  }

  /// The node's condition of a type, such as `Ready`.
  public static Optional<NodeCondition> condition(Node node, String type) {
    if (node.getStatus() == null || node.getStatus().getConditions() == null) {
      return Optional.empty();
    }
    return node.getStatus().getConditions().stream()
        .filter(each -> each.getType().equals(type))
        .findFirst();
  }

  public static boolean isReady(Node node) {
    return condition(node, "Ready").map(each -> "True".equals(each.getStatus())).orElse(false);
  }

  private static boolean isEmpty(@Nullable String text) {
    return text == null || text.isEmpty();
  }

  private static String text(@Nullable String text) {
    return Objects.requireNonNullElse(text, "");
  }
}
