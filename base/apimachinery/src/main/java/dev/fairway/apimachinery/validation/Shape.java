// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What the schema alone can say: fields that must be there, values out of a fixed set.
///
/// Status and metadata are left out: others than the user write them, and the metadata have rules
/// of their own. Required numbers and booleans are left out too, for absent means zero in Go, which
/// writes them always.
final class Shape {
  private final Findings findings;
  private final StringBuilder path = new StringBuilder();

  private Shape(Findings findings) {
    this.findings = findings;
  }

  static void check(Kind kind, ObjectNode object, Findings findings) {
    if (kind.custom() != null) {
      CustomValues.check(kind.custom().version(), object, findings);
      return;
    }
    new Shape(findings).struct(kind.schema(), object, true);
  }

  private void struct(Schema.Struct struct, ObjectNode object, boolean top) {
    int mark = path.length();
    for (Schema.Field field : struct.fields().values()) {
      if (top && (field.name().equals("status") || field.name().equals("metadata"))) {
        continue;
      }
      JsonNode value = object.get(field.name());
      path.append(mark == 0 ? "" : ".").append(field.name());
      if (value != null) {
        value(field.schema(), value);
      }
      if (field.required() && isMissing(field.schema(), value)) {
        findings.required(path.toString(), "");
      }
      path.setLength(mark);
    }
  }

  private static boolean isMissing(
      Schema schema, @org.jspecify.annotations.Nullable JsonNode value) {
    return switch (schema) {
      case Schema.Scalar scalar ->
          switch (scalar.type()) {
            case STRING -> value == null || value.asString().isEmpty();
            case INT_OR_STRING -> value == null;
            default -> false;
          };
      // A client may leave an empty list or map out; rules by hand say where one may not.
      case Schema.ListOf list -> false;
      case Schema.MapOf map -> false;
      default -> value == null;
    };
  }

  private void value(Schema schema, JsonNode value) {
    switch (Schemas.builtin().resolve(schema)) {
      case Schema.Struct struct -> {
        // Pod templates carry metadata and no status, volume claim templates a whole object.
        boolean embedded = struct.field("metadata") != null;
        if (value instanceof ObjectNode object) {
          struct(struct, object, embedded);
        }
      }
      case Schema.ListOf(Schema items) -> {
        int mark = path.length();
        if (value instanceof ArrayNode array) {
          for (int i = 0; i < array.size(); i++) {
            path.append('[').append(i).append(']');
            value(items, array.get(i));
            path.setLength(mark);
          }
        }
      }
      case Schema.MapOf(Schema values) -> {
        int mark = path.length();
        if (value instanceof ObjectNode object) {
          for (Map.Entry<String, JsonNode> entry : object.properties()) {
            path.append('[').append(entry.getKey()).append(']');
            value(values, entry.getValue());
            path.setLength(mark);
          }
        }
      }
      case Schema.Scalar scalar -> {
        if (!scalar.values().isEmpty() && value.isString()) {
          String text = value.stringValue();
          if (!text.isEmpty() && !scalar.values().contains(text)) {
            findings.add(FieldError.notSupported(path.toString(), text, scalar.values()));
          }
        }
      }
      default -> {}
    }
  }
}
