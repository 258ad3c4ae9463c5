// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The columns a CustomResourceDefinition asks for.
final class CustomCells {
  private CustomCells() {}

  static List<Column> columns(ObjectNode version) {
    List<Column> columns = new ArrayList<>();
    columns.add(Column.NAME);
    for (JsonNode column : Trees.items(version, "additionalPrinterColumns")) {
      List<String> path = path(Trees.text(column, "jsonPath"));
      String type = Trees.text(column, "type");
      columns.add(
          new Column(
              Trees.text(column, "name"),
              type.equals("date") ? "date" : type,
              Trees.text(column, "format"),
              Trees.number(column, 0, "priority") > 0,
              (object, now) -> cell(object, path, type, now)));
    }
    if (columns.size() == 1) {
      columns.add(Column.AGE);
    }
    return columns;
  }

  private static Object cell(JsonNode object, List<String> path, String type, Instant now) {
    JsonNode at = object;
    for (String step : path) {
      at = step(at, step);
      if (at == null) {
        return JsonNodeFactory.instance.nullNode();
      }
    }
    if (type.equals("date")) {
      return Cells.since(now, at.isString() ? at.stringValue() : "");
    }
    return type.equals("string") && !at.isString() ? at.toString() : at;
  }

  private static @Nullable JsonNode step(@Nullable JsonNode at, String step) {
    if (at == null) {
      return null;
    }
    if (step.startsWith("[")) {
      String index = step.substring(1);
      try {
        return at.get(Integer.parseInt(index));
      } catch (NumberFormatException e) {
        return null;
      }
    }
    return at.get(step);
  }

  /// The plain part of JSONPath: `.spec.list[0].name`, `.metadata.labels.app\.io/x`.
  private static List<String> path(String jsonPath) {
    List<String> steps = new ArrayList<>();
    StringBuilder step = new StringBuilder();
    for (int i = 0; i < jsonPath.length(); i++) {
      char c = jsonPath.charAt(i);
      if (c == '\\' && i + 1 < jsonPath.length()) {
        step.append(jsonPath.charAt(++i));
      } else if (c == '.' || c == '[') {
        end(steps, step);
        step.append(c == '[' ? "[" : "");
      } else if (c != ']' && c != '\'') {
        step.append(c);
      }
    }
    end(steps, step);
    return steps;
  }

  private static void end(List<String> steps, StringBuilder step) {
    if (!step.isEmpty()) {
      steps.add(step.toString());
      step.setLength(0);
    }
  }
}
