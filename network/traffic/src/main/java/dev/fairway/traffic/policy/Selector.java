// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorRequirement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Which labels an object must have. Two that say the same in another order are equal.
///
/// @param requirements all must hold; none means every object
record Selector(List<Requirement> requirements) {
  static final Selector EVERY = new Selector(List.of());

  enum Operator {
    IN,
    NOT_IN,
    EXISTS,
    ABSENT
  }

  /// @param values sorted; of IN and NOT_IN only
  record Requirement(String key, Operator operator, List<String> values)
      implements Comparable<Requirement> {
    Requirement {
      values = List.copyOf(values);
    }

    boolean matches(Map<String, String> labels) {
      String value = labels.get(key);
      return switch (operator) {
        case IN -> value != null && values.contains(value);
        case NOT_IN -> value == null || !values.contains(value);
        case EXISTS -> value != null;
        case ABSENT -> value == null;
      };
    }

    @Override
    public int compareTo(Requirement other) {
      return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
      String list = "(" + String.join(",", values) + ")";
      return switch (operator) {
        case IN -> values.size() == 1 ? key + "=" + values.getFirst() : key + " in " + list;
        case NOT_IN -> key + " notin " + list;
        case EXISTS -> key;
        case ABSENT -> "!" + key;
      };
    }
  }

  Selector {
    requirements = List.copyOf(new TreeSet<>(requirements));
  }

  /// @throws IllegalArgumentException if the API would refuse it; the message names the field
  static Selector of(LabelSelector selector) {
    List<Requirement> requirements = new ArrayList<>();
    labels(selector.getMatchLabels())
        .forEach(
            (key, value) -> requirements.add(new Requirement(key, Operator.IN, List.of(value))));
    List<LabelSelectorRequirement> expressions =
        Objects.requireNonNullElse(selector.getMatchExpressions(), List.of());
    for (int i = 0; i < expressions.size(); i++) {
      requirements.add(requirement("matchExpressions[" + i + "]", expressions.get(i)));
    }
    return requirements.isEmpty() ? EVERY : new Selector(requirements);
  }

  /// Labels as the API has them: `null` is an empty value there.
  static Map<String, String> labels(@Nullable Map<String, String> written) {
    if (written == null) {
      return Map.of();
    }
    Map<String, String> labels = new HashMap<>();
    written.forEach((key, value) -> labels.put(text(key), text(value)));
    return labels;
  }

  private static String text(@Nullable String text) {
    return text == null ? "" : text;
  }

  private static Requirement requirement(
      String field, @Nullable LabelSelectorRequirement expression) {
    String key = expression == null ? null : expression.getKey();
    if (expression == null || key == null || key.isEmpty()) {
      throw new IllegalArgumentException(field + ".key: is missing");
    }
    TreeSet<String> sorted = new TreeSet<>();
    for (String value : Objects.requireNonNullElse(expression.getValues(), List.<String>of())) {
      sorted.add(text(value));
    }
    List<String> values = List.copyOf(sorted);
    Operator operator =
        switch (expression.getOperator()) {
          case "In" -> Operator.IN;
          case "NotIn" -> Operator.NOT_IN;
          case "Exists" -> Operator.EXISTS;
          case "DoesNotExist" -> Operator.ABSENT;
          case null, default ->
              throw new IllegalArgumentException(
                  field
                      + ".operator: \""
                      + expression.getOperator()
                      + "\" is not In, NotIn, Exists or DoesNotExist");
        };
    boolean needsValues = operator == Operator.IN || operator == Operator.NOT_IN;
    if (values.isEmpty() == needsValues) {
      throw new IllegalArgumentException(
          field + ".values: " + (needsValues ? "are missing" : "must not be given"));
    }
    return new Requirement(key, operator, values);
  }

  boolean matches(Map<String, String> labels) {
    for (Requirement requirement : requirements) {
      if (!requirement.matches(labels)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return "{" + String.join(", ", requirements.stream().map(Requirement::toString).toList()) + "}";
  }
}
