// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorRequirement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A label selector, checked: every requirement must hold.
record LabelMatch(List<Requirement> requirements) {
  LabelMatch {
    requirements = List.copyOf(requirements);
  }

  enum Operator {
    IN,
    NOT_IN,
    EXISTS,
    DOES_NOT_EXIST
  }

  record Requirement(String key, Operator operator, List<String> values) {
    Requirement {
      values = List.copyOf(values);
    }

    boolean holds(Map<String, String> labels) {
      String value = labels.get(key);
      return switch (operator) {
        case IN -> value != null && values.contains(value);
        case NOT_IN -> value == null || !values.contains(value);
        case EXISTS -> value != null;
        case DOES_NOT_EXIST -> value == null;
      };
    }
  }

  /// Reads a selector; null and `{}` match everything.
  ///
  /// @throws IllegalArgumentException if it makes no sense; the message names the field
  static LabelMatch of(@Nullable LabelSelector selector, String field) {
    List<Requirement> requirements = new ArrayList<>();
    if (selector != null && selector.getMatchLabels() != null) {
      selector
          .getMatchLabels()
          .forEach(
              (key, value) -> requirements.add(new Requirement(key, Operator.IN, List.of(value))));
    }
    if (selector != null && selector.getMatchExpressions() != null) {
      for (LabelSelectorRequirement each : selector.getMatchExpressions()) {
        requirements.add(requirement(each, field + ".matchExpressions"));
      }
    }
    return new LabelMatch(requirements);
  }

  private static Requirement requirement(LabelSelectorRequirement each, String field) {
    if (each.getKey() == null || each.getKey().isEmpty()) {
      throw new IllegalArgumentException(field + ": key is missing");
    }
    List<String> values = each.getValues() == null ? List.of() : each.getValues();
    Operator operator =
        switch (String.valueOf(each.getOperator())) {
          case "In" -> Operator.IN;
          case "NotIn" -> Operator.NOT_IN;
          case "Exists" -> Operator.EXISTS;
          case "DoesNotExist" -> Operator.DOES_NOT_EXIST;
          default ->
              throw new IllegalArgumentException(
                  field
                      + ": operator "
                      + each.getOperator()
                      + " is not In, NotIn, Exists or DoesNotExist");
        };
    boolean needsValues = operator == Operator.IN || operator == Operator.NOT_IN;
    if (needsValues == values.isEmpty()) {
      throw new IllegalArgumentException(
          field + ": " + each.getOperator() + (needsValues ? " needs values" : " has no values"));
    }
    return new Requirement(each.getKey(), operator, values);
  }

  boolean isEmpty() {
    return requirements.isEmpty();
  }

  boolean matches(Map<String, String> labels) {
    for (Requirement requirement : requirements) {
      if (!requirement.holds(labels)) {
        return false;
      }
    }
    return true;
  }
}
