// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.cel.Expression;
import dev.fairway.apiserver.cel.ExpressionFailed;
import dev.fairway.apiserver.cel.Expressions;
import dev.fairway.apiserver.cel.Values;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The rules that schemas of custom kinds have in CEL (`x-kubernetes-validations`, KEP-2876). A
/// rule that compares with the old value (`oldSelf`) is asked only where that can be found: not for
/// items of lists, but for those of lists with keys.
final class CustomRules implements AdmissionStep {
  private static final String RULES = "x-kubernetes-validations";
  private static final int MOST_ERRORS = 100;

  private final Expressions expressions = new Expressions(List.of("self", "oldSelf"));

  @Override
  public String name() {
    return "CustomResourceRules";
  }

  @Override
  public boolean judges(Admission admission) {
    return admission.operation() != Admission.Operation.DELETE && admission.kind().custom() != null;
  }

  @Override
  public void admit(Admission admission) {
    var custom = admission.kind().custom();
    JsonNode schema =
        custom == null ? null : Trees.at(custom.version(), "schema", "openAPIV3Schema");
    if (schema == null) {
      return;
    }
    List<FieldError> errors = new ArrayList<>();
    check(schema, admission.object(), admission.old(), "", errors);
    if (!errors.isEmpty()) {
      throw StatusException.invalid(admission.kind(), admission.name(), errors);
    }
  }

  private void check(
      JsonNode schema,
      JsonNode value,
      @Nullable JsonNode old,
      String path,
      List<FieldError> errors) {
    for (JsonNode rule : Trees.items(schema, RULES)) {
      rule(rule, value, old, path, errors);
    }
    if (value instanceof ObjectNode object) {
      ObjectNode properties = Trees.objectAt(schema, "properties");
      JsonNode others = Trees.at(schema, "additionalProperties");
      for (Map.Entry<String, JsonNode> field : object.properties()) {
        String name = field.getKey();
        JsonNode inner = properties == null ? null : properties.get(name);
        String at =
            inner != null ? (path.isEmpty() ? name : path + "." + name) : path + "[" + name + "]";
        inner = inner == null ? others : inner;
        if (inner instanceof ObjectNode && !field.getValue().isNull()) {
          check(inner, field.getValue(), Trees.at(old, name), at, errors);
        }
      }
    } else if (value instanceof ArrayNode array
        && Trees.at(schema, "items") instanceof ObjectNode items) {
      int index = 0;
      for (JsonNode item : array) {
        check(items, item, counterpart(schema, item, old), path + "[" + index++ + "]", errors);
      }
    }
  }

  /// The old item with the same keys.
  private static @Nullable JsonNode counterpart(
      JsonNode schema, JsonNode item, @Nullable JsonNode old) {
    if (!Trees.text(schema, "x-kubernetes-list-type").equals("map")
        || !(old instanceof ArrayNode candidates)) {
      return null;
    }
    for (JsonNode candidate : candidates) {
      boolean same = true;
      for (JsonNode key : Trees.items(schema, "x-kubernetes-list-map-keys")) {
        same &= candidate.path(key.asString()).equals(item.path(key.asString()));
      }
      if (same) {
        return candidate;
      }
    }
    return null;
  }

  private void rule(
      JsonNode rule, JsonNode value, @Nullable JsonNode old, String path, List<FieldError> errors) {
    String text = Trees.text(rule, "rule").strip();
    boolean optional = Trees.flag(rule, "optionalOldSelf");
    if (errors.size() >= MOST_ERRORS
        || text.isEmpty()
        || (text.contains("oldSelf") && old == null && !optional)) {
      return;
    }
    Map<String, Object> variables = new HashMap<>();
    variables.put("self", Values.of(value));
    variables.put("oldSelf", optional ? Values.optional(old) : Values.of(old));
    String field = path + Trees.text(rule, "fieldPath");
    field = path.isEmpty() && field.startsWith(".") ? field.substring(1) : field;
    Object shown = value.isObject() || value.isArray() ? shown(value) : value;
    try {
      if (!expressions.parse(text).holds(variables)) {
        errors.add(error(rule, field, shown, message(rule, text, variables)));
      }
    } catch (ExpressionFailed failed) {
      errors.add(
          FieldError.invalid(
              field, shown, "rule evaluation error: " + text + ": " + failed.getMessage()));
    }
  }

  private static String shown(JsonNode value) {
    return value.isObject() ? "object" : "array";
  }

  private static FieldError error(JsonNode rule, String field, Object shown, String message) {
    return switch (Trees.text(rule, "reason")) {
      case "FieldValueForbidden" -> FieldError.forbidden(field, message);
      case "FieldValueRequired" -> FieldError.required(field, message);
      case "FieldValueDuplicate" -> FieldError.duplicate(field, shown);
      default -> FieldError.invalid(field, shown, message);
    };
  }

  private String message(JsonNode rule, String text, Map<String, Object> variables) {
    String made = Trees.text(rule, "messageExpression");
    if (!made.isEmpty()) {
      try {
        Expression expression = expressions.parse(made);
        if (expression.evaluate(variables) instanceof String message && !message.isBlank()) {
          return message.strip();
        }
      } catch (ExpressionFailed _) {
        // The others are there for that.
      }
    }
    String message = Trees.text(rule, "message").strip();
    return message.isEmpty() ? "failed rule: " + text : message;
  }
}
