// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Walks a tree along its schema: a wrong type is an error, unknown fields and nulls are dropped,
/// quantities and times are rewritten in canonical form.
final class Conformance {
  private static final int MOST_UNKNOWN = 64;

  private final String subject;
  private final Schemas schemas = Schemas.builtin();
  private final StringBuilder path = new StringBuilder();
  private final List<String> unknown = new ArrayList<>();

  Conformance(String subject) {
    this.subject = subject;
  }

  List<String> unknown() {
    return unknown;
  }

  /// Returns the value to keep, which is the one given unless its canonical form differs.
  JsonNode walk(Schema schema, JsonNode value) {
    return switch (schema) {
      case Schema.Reference reference -> walk(schemas.resolve(reference), value);
      case Schema.Struct struct -> struct(struct, value);
      case Schema.ListOf(Schema items) -> list(items, value);
      case Schema.MapOf(Schema values) -> map(values, value);
      case Schema.Scalar scalar -> scalar(scalar, value);
      case Schema.Any any -> value;
    };
  }

  private JsonNode struct(Schema.Struct struct, JsonNode value) {
    if (!(value instanceof ObjectNode object)) {
      throw wrong("an object", value);
    }
    int mark = path.length();
    Iterator<Map.Entry<String, JsonNode>> entries = object.properties().iterator();
    while (entries.hasNext()) {
      Map.Entry<String, JsonNode> entry = entries.next();
      Schema.Field field = struct.field(entry.getKey());
      path.append(mark == 0 ? "" : ".").append(entry.getKey());
      if (field == null && !struct.keepsUnknown()) {
        if (unknown.size() < MOST_UNKNOWN) {
          unknown.add(path.toString());
        }
        entries.remove();
      } else if (field != null) {
        keep(field.schema(), entries, entry);
      }
      path.setLength(mark);
    }
    return object;
  }

  /// Goes into one entry of an object. A null means that the field is absent.
  private void keep(
      Schema schema,
      Iterator<Map.Entry<String, JsonNode>> entries,
      Map.Entry<String, JsonNode> entry) {
    JsonNode before = entry.getValue();
    if (before.isNull() && !(schema instanceof Schema.Any)) {
      entries.remove();
      return;
    }
    entry.setValue(walk(schema, before));
  }

  private JsonNode list(Schema items, JsonNode value) {
    if (!(value instanceof ArrayNode array)) {
      throw wrong("a list", value);
    }
    int mark = path.length();
    for (int i = 0; i < array.size(); i++) {
      path.append('[').append(i).append(']');
      array.set(i, walk(items, array.get(i)));
      path.setLength(mark);
    }
    return array;
  }

  private JsonNode map(Schema values, JsonNode value) {
    if (!(value instanceof ObjectNode object)) {
      throw wrong("a map", value);
    }
    int mark = path.length();
    Iterator<Map.Entry<String, JsonNode>> entries = object.properties().iterator();
    while (entries.hasNext()) {
      Map.Entry<String, JsonNode> entry = entries.next();
      path.append('.').append(entry.getKey());
      keep(values, entries, entry);
      path.setLength(mark);
    }
    return object;
  }

  private JsonNode scalar(Schema.Scalar scalar, JsonNode value) {
    return switch (scalar.type()) {
      case STRING -> text(scalar.format(), value);
      case BOOLEAN -> require(value.isBoolean(), "true or false", value);
      case NUMBER -> require(value.isNumber(), "a number", value);
      case INTEGER -> {
        boolean wide = !scalar.format().equals("int32");
        boolean fits =
            value.isIntegralNumber() && (wide ? value.canConvertToLong() : value.canConvertToInt());
        yield require(fits, wide ? "an integer (int64)" : "an integer (int32)", value);
      }
      case INT_OR_STRING ->
          require(
              value.isString() || (value.isIntegralNumber() && value.canConvertToInt()),
              "an integer or a string",
              value);
      case QUANTITY -> quantity(value);
    };
  }

  private JsonNode require(boolean fits, String expected, JsonNode value) {
    if (!fits) {
      throw wrong(expected, value);
    }
    return value;
  }

  private JsonNode text(String format, JsonNode value) {
    if (!value.isString()) {
      throw wrong("a string", value);
    }
    String text = value.stringValue();
    String canonical =
        switch (format) {
          case "byte" -> base64(text);
          case "date-time" -> isCanonicalTime(text) ? text : time(text, false);
          case "micro-time" -> time(text, true);
          default -> text;
        };
    return canonical.equals(text) ? value : JsonNodeFactory.instance.stringNode(canonical);
  }

  private String base64(String text) {
    try {
      // Line breaks are allowed, as in Go's decoder.
      String joined = text.indexOf('\n') < 0 ? text : text.replace("\n", "").replace("\r", "");
      Base64.getDecoder().decode(joined);
      if (joined.length() % 4 == 0) {
        return joined;
      }
    } catch (IllegalArgumentException e) {
      // Falls through to the one message.
    }
    throw StatusException.badRequest(subject + path + ": the value is not valid base64");
  }

  /// `2026-01-02T03:04:05Z`, the form nearly all times have.
  private static boolean isCanonicalTime(String text) {
    if (text.length() != 20) {
      return false;
    }
    for (int i = 0; i < 20; i++) {
      char c = text.charAt(i);
      char shape = "0000-00-00T00:00:00Z".charAt(i);
      if (shape == '0' ? c < '0' || c > '9' : c != shape) {
        return false;
      }
    }
    int month = (text.charAt(5) - '0') * 10 + text.charAt(6) - '0';
    int day = (text.charAt(8) - '0') * 10 + text.charAt(9) - '0';
    return month >= 1
        && month <= 12
        && day >= 1
        && day <= 28
        && text.charAt(11) < '2'
        && text.charAt(14) < '6'
        && text.charAt(17) < '6';
  }

  private String time(String text, boolean micro) {
    try {
      return micro ? Times.rfc3339Micro(Times.parse(text)) : Times.rfc3339(Times.parse(text));
    } catch (IllegalArgumentException e) {
      throw StatusException.badRequest(subject + path + ": " + e.getMessage());
    }
  }

  private JsonNode quantity(JsonNode value) {
    if (!value.isString() && !value.isNumber()) {
      throw wrong("a quantity such as 500m or 1Gi", value);
    }
    String text = value.asString();
    try {
      String canonical = Quantity.parse(text).toString();
      return value.isString() && canonical.equals(text)
          ? value
          : JsonNodeFactory.instance.stringNode(canonical);
    } catch (IllegalArgumentException e) {
      throw StatusException.badRequest(
          subject + path + ": \"" + shortened(text) + "\" is not a quantity: " + e.getMessage());
    }
  }

  private StatusException wrong(String expected, JsonNode value) {
    String shown = value.isContainer() ? "" : " " + shortened(value.toString());
    return StatusException.badRequest(
        subject
            + (path.isEmpty() ? "the object" : path)
            + ": expected "
            + expected
            + ", got "
            + typeOf(value)
            + shown);
  }

  private static String shortened(String text) {
    return text.length() > 64 ? text.substring(0, 64) + "..." : text;
  }

  static String typeOf(JsonNode value) {
    return switch (value.getNodeType()) {
      case OBJECT -> "an object";
      case ARRAY -> "a list";
      case STRING -> "a string";
      case NUMBER -> "a number";
      case BOOLEAN -> "a boolean";
      default -> "null";
    };
  }
}
