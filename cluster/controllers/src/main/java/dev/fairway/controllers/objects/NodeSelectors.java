// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirement;
import io.fabric8.kubernetes.api.model.NodeSelectorTerm;
import io.fabric8.kubernetes.api.model.PodSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Whether a node is one that a pod asks for, by labels or by name.
public final class NodeSelectors {
  private NodeSelectors() {}

  /// Checks `nodeSelector` and the required node affinity.
  public static boolean matches(PodSpec pod, Node node) {
    if (!LabelSelectors.matchesAll(pod.getNodeSelector(), LabelSelectors.labels(node))) {
      return false;
    }
    if (pod.getAffinity() == null
        || pod.getAffinity().getNodeAffinity() == null
        || pod.getAffinity().getNodeAffinity().getRequiredDuringSchedulingIgnoredDuringExecution()
            == null) {
      return true;
    }
    return pod
        .getAffinity()
        .getNodeAffinity()
        .getRequiredDuringSchedulingIgnoredDuringExecution()
        .getNodeSelectorTerms()
        .stream()
        .anyMatch(term -> matches(term, node));
  }

  /// All requirements of a term must hold; a term without any matches nothing.
  public static boolean matches(NodeSelectorTerm term, Node node) {
    List<NodeSelectorRequirement> labels = term.getMatchExpressions();
    List<NodeSelectorRequirement> fields = term.getMatchFields();
    boolean none = (labels == null || labels.isEmpty()) && (fields == null || fields.isEmpty());
    return !none
        && (labels == null
            || labels.stream()
                .allMatch(each -> matches(each, LabelSelectors.labels(node).get(each.getKey()))))
        && (fields == null
            || fields.stream()
                .allMatch(each ->
                    each.getKey().equals("metadata.name")
                        && matches(each, node.getMetadata().getName())));
  }

  private static boolean matches(NodeSelectorRequirement requirement, @Nullable String value) {
    List<String> values = requirement.getValues();
    return switch (requirement.getOperator()) {
      case "In" -> value != null && values.contains(value);
      case "NotIn" -> value == null || !values.contains(value);
      case "Exists" -> value != null;
      case "DoesNotExist" -> value == null;
      case "Gt" -> value != null && compare(value, values.get(0)) > 0;
      case "Lt" -> value != null && compare(value, values.get(0)) < 0;
      default -> false;
    };
  }

  /// Compares whole numbers; anything else compares as equal, so it satisfies neither operator.
  private static int compare(String a, String b) {
    try {
      return Long.compare(Long.parseLong(a), Long.parseLong(b));
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
