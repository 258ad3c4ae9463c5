// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.selector;

import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Which labels an object must have. All requirements must hold.
public final class LabelSelector {
  enum Operator {
    IN,
    NOT_IN,
    EXISTS,
    NOT_EXISTS,
    GREATER,
    LESS
  }

  record Requirement(String key, Operator operator, Set<String> values) {
    boolean matches(@Nullable JsonNode labels) {
      JsonNode found = labels == null ? null : labels.get(key);
      String value = found == null || !found.isString() ? null : found.stringValue();
      return switch (operator) {
        case IN -> value != null && values.contains(value);
        case NOT_IN -> value == null || !values.contains(value);
        case EXISTS -> value != null;
        case NOT_EXISTS -> value == null;
        case GREATER -> compare(value) > 0;
        case LESS -> compare(value) < 0;
      };
    }

    /// 0 if either side is no number, so that neither comparison holds.
    private int compare(@Nullable String value) {
      try {
        return value == null
            ? 0
            : Long.compare(Long.parseLong(value), Long.parseLong(values.iterator().next()));
      } catch (NumberFormatException e) {
        return 0;
      }
    }

    @Override
    public String toString() {
      String list = String.join(",", values);
      return switch (operator) {
        case IN -> values.size() == 1 ? key + "=" + list : key + " in (" + list + ")";
        case NOT_IN -> values.size() == 1 ? key + "!=" + list : key + " notin (" + list + ")";
        case EXISTS -> key;
        case NOT_EXISTS -> "!" + key;
        case GREATER -> key + ">" + list;
        case LESS -> key + "<" + list;
      };
    }
  }

  private static final LabelSelector EVERYTHING = new LabelSelector(List.of(), false);
  private static final LabelSelector NOTHING = new LabelSelector(List.of(), true);

  private final List<Requirement> requirements;
  private final boolean nothing;

  private LabelSelector(List<Requirement> requirements, boolean nothing) {
    this.requirements = List.copyOf(requirements);
    this.nothing = nothing;
  }

  public static LabelSelector everything() {
    return EVERYTHING;
  }

  /// Parses a query such as `app=web,tier!=cache,env in (a,b),!old,x>1`. Rejects with
  /// [StatusException] 400.
  public static LabelSelector parse(@Nullable String query) {
    if (query == null || query.isBlank()) {
      return EVERYTHING;
    }
    return new LabelSelector(new LabelQuery(query).parse(), false);
  }

  /// Reads a LabelSelector object (`matchLabels`, `matchExpressions`). Null selects nothing, an
  /// empty object everything, as upstream. Rejects an unknown operator with
  /// [IllegalArgumentException].
  public static LabelSelector of(@Nullable JsonNode selector) {
    if (!(selector instanceof ObjectNode)) {
      return NOTHING;
    }
    List<Requirement> requirements = new ArrayList<>(pairs(Trees.at(selector, "matchLabels")));
    for (JsonNode expression : Trees.items(selector, "matchExpressions")) {
      Operator operator =
          switch (Trees.text(expression, "operator")) {
            case "In" -> Operator.IN;
            case "NotIn" -> Operator.NOT_IN;
            case "Exists" -> Operator.EXISTS;
            case "DoesNotExist" -> Operator.NOT_EXISTS;
            default ->
                throw new IllegalArgumentException(
                    "\""
                        + Trees.text(expression, "operator")
                        + "\" is not a valid label selector operator");
          };
      Set<String> values = new TreeSet<>();
      for (JsonNode value : Trees.items(expression, "values")) {
        values.add(value.asString());
      }
      requirements.add(new Requirement(Trees.text(expression, "key"), operator, values));
    }
    return requirements.isEmpty() ? EVERYTHING : new LabelSelector(requirements, false);
  }

  /// Every pair of a map must be there; a null or empty map (a Service without selector) selects
  /// nothing.
  public static LabelSelector ofMap(@Nullable JsonNode labels) {
    List<Requirement> requirements = pairs(labels);
    return requirements.isEmpty() ? NOTHING : new LabelSelector(requirements, false);
  }

  private static List<Requirement> pairs(@Nullable JsonNode labels) {
    List<Requirement> requirements = new ArrayList<>();
    if (labels instanceof ObjectNode object) {
      for (Map.Entry<String, JsonNode> entry : object.properties()) {
        requirements.add(
            new Requirement(entry.getKey(), Operator.IN, Set.of(entry.getValue().asString())));
      }
    }
    return requirements;
  }

  /// Whether the object's `metadata.labels` fit.
  public boolean matches(JsonNode object) {
    return matchesLabels(Trees.at(object, "metadata", "labels"));
  }

  public boolean matchesLabels(@Nullable JsonNode labels) {
    if (nothing) {
      return false;
    }
    for (Requirement requirement : requirements) {
      if (!requirement.matches(labels)) {
        return false;
      }
    }
    return true;
  }

  public boolean isEverything() {
    return !nothing && requirements.isEmpty();
  }

  /// The query that parses to this selector.
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Requirement requirement : requirements) {
      text.append(text.isEmpty() ? "" : ",").append(requirement);
    }
    return text.toString();
  }
}
