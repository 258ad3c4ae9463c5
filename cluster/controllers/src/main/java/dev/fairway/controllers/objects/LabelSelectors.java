// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorRequirement;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Whether labels satisfy a selector.
public final class LabelSelectors {
  private LabelSelectors() {}

  /// An absent selector matches nothing, an empty one everything.
  public static boolean matches(@Nullable LabelSelector selector, HasMetadata object) {
    return matches(selector, labels(object));
  }

  public static boolean matches(@Nullable LabelSelector selector, Map<String, String> labels) {
    if (selector == null) {
      return false;
    }
    if (!matchesAll(selector.getMatchLabels(), labels)) {
      return false;
    }
    List<LabelSelectorRequirement> requirements = selector.getMatchExpressions();
    if (requirements != null) {
      for (LabelSelectorRequirement requirement : requirements) {
        if (!matches(requirement, labels)) {
          return false;
        }
      }
    }
    return true;
  }

  /// Whether every wanted label is there with that value.
  public static boolean matchesAll(
      @Nullable Map<String, String> wanted, Map<String, String> labels) {
    return wanted == null || labels.entrySet().containsAll(wanted.entrySet());
  }

  private static boolean matches(LabelSelectorRequirement requirement, Map<String, String> labels) {
    String value = labels.get(requirement.getKey());
    return switch (requirement.getOperator()) {
      case "In" -> value != null && requirement.getValues().contains(value);
      case "NotIn" -> value == null || !requirement.getValues().contains(value);
      case "Exists" -> value != null;
      case "DoesNotExist" -> value == null;
      default -> false;
    };
  }

  public static Map<String, String> labels(HasMetadata object) {
    Map<String, String> labels = object.getMetadata().getLabels();
    return labels == null ? Map.of() : labels;
  }

  public static Map<String, String> annotations(HasMetadata object) {
    Map<String, String> annotations = object.getMetadata().getAnnotations();
    return annotations == null ? Map.of() : annotations;
  }
}
