// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Trees;
import java.time.Instant;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// One column of a kind's table.
///
/// @param type `string`, `integer`, `number`, `boolean` or `date`
/// @param format `name` for the object's name, else empty
/// @param wide shown only with `-o wide`
record Column(String name, String type, String format, boolean wide, Cell cell) {
  /// Makes the cell of one object. `now` is for ages.
  interface Cell {
    Object of(JsonNode object, Instant now);
  }

  static final Column NAME =
      new Column(
          "Name", "string", "name", false, (object, now) -> Trees.text(object, "metadata", "name"));
  static final Column AGE =
      new Column(
          "Age",
          "string",
          "",
          false,
          (object, now) -> Cells.since(now, Trees.text(object, "metadata", "creationTimestamp")));
  static final Column CREATED_AT =
      new Column(
          "Created At",
          "date",
          "",
          false,
          (object, now) -> Trees.text(object, "metadata", "creationTimestamp"));

  static Column text(String name, Cell cell) {
    return new Column(name, "string", "", false, cell);
  }

  static Column integer(String name, Cell cell) {
    return new Column(name, "integer", "", false, cell);
  }

  static Column wide(String name, Cell cell) {
    return new Column(name, "string", "", true, cell);
  }

  /// The text at a path, as it is.
  static Column text(String name, String... path) {
    return text(name, (object, now) -> Trees.text(object, path));
  }

  static Column wide(String name, String... path) {
    return wide(name, (object, now) -> Trees.text(object, path));
  }

  /// The integer at a path, 0 if it is absent.
  static Column integer(String name, String... path) {
    return integer(name, (object, now) -> Trees.number(object, 0, path));
  }

  void define(ObjectNode into) {
    into.put("name", name)
        .put("type", type)
        .put("format", format)
        .put("description", name)
        .put("priority", wide ? 1 : 0);
  }
}
