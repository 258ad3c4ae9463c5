// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.selector.LabelSelector;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Texts that several tables share.
final class Cells {
  static final String NONE = "<none>";
  static final String UNKNOWN = "<unknown>";
  static final String UNSET = "<unset>";

  private Cells() {}

  /// How long ago a time was, as kubectl shows ages.
  static String since(Instant now, String time) {
    if (time.isEmpty()) {
      return UNKNOWN;
    }
    try {
      return Times.humanDuration(Duration.between(Times.parse(time), now));
    } catch (IllegalArgumentException e) {
      return UNKNOWN;
    }
  }

  static String or(String text, String otherwise) {
    return text.isEmpty() ? otherwise : text;
  }

  /// `a=b,c=d`, or `<none>`.
  static String labels(@Nullable JsonNode map) {
    StringBuilder text = new StringBuilder();
    if (map instanceof ObjectNode object) {
      for (Map.Entry<String, JsonNode> entry : object.properties()) {
        text.append(text.isEmpty() ? "" : ",");
        text.append(entry.getKey()).append('=').append(entry.getValue().asString());
      }
    }
    return or(text.toString(), NONE);
  }

  /// A LabelSelector as a query; `<none>` if it selects everything or is absent.
  static String selector(@Nullable JsonNode selector) {
    try {
      return or(LabelSelector.of(selector).toString(), NONE);
    } catch (IllegalArgumentException e) {
      return "<error>";
    }
  }

  /// The values of one field of each element, joined by commas; empty ones are left out.
  static String joined(@Nullable JsonNode tree, String list, String field) {
    StringBuilder text = new StringBuilder();
    for (JsonNode item : Trees.items(tree, list)) {
      String value = field.isEmpty() ? item.asString() : Trees.text(item, field);
      if (!value.isEmpty()) {
        text.append(text.isEmpty() ? "" : ",").append(value);
      }
    }
    return text.toString();
  }

  /// Names (or images) of the containers of a template.
  static String containers(JsonNode object, String field) {
    return joined(Trees.at(object, "spec", "template", "spec"), "containers", field);
  }

  static Column[] containerColumns() {
    return new Column[] {
      Column.wide("Containers", (object, now) -> containers(object, "name")),
      Column.wide("Images", (object, now) -> containers(object, "image")),
      Column.wide("Selector", (object, now) -> selector(Trees.at(object, "spec", "selector")))
    };
  }

  static int size(@Nullable JsonNode tree) {
    return tree == null ? 0 : tree.size();
  }
}
