// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The value rules of a custom kind's OpenAPI schema: required, enum, bounds, lengths, patterns,
/// unique lists. Not yet: `allOf`, `anyOf`, `oneOf`, `not` and CEL rules.
final class CustomValues {
  private final Findings findings;

  private CustomValues(Findings findings) {
    this.findings = findings;
  }

  static void check(ObjectNode version, ObjectNode object, Findings findings) {
    JsonNode schema = Trees.at(version, "schema", "openAPIV3Schema");
    if (schema != null) {
      new CustomValues(findings).value(schema, object, "");
    }
  }

  private void value(JsonNode schema, JsonNode value, String path) {
    allowed(schema, value, path);
    switch (value) {
      case ObjectNode object -> object(schema, object, path);
      case ArrayNode array -> array(schema, array, path);
      default -> {
        if (value.isNumber()) {
          number(schema, value, path);
        } else if (value.isString()) {
          text(schema, value.stringValue(), path);
        }
      }
    }
  }

  private void allowed(JsonNode schema, JsonNode value, String path) {
    if (Trees.at(schema, "enum") instanceof ArrayNode allowed) {
      List<String> words = new ArrayList<>();
      for (JsonNode candidate : allowed) {
        if (candidate.equals(value)) {
          return;
        }
        words.add(candidate.asString());
      }
      findings.add(FieldError.notSupported(path, value.asString(), words));
    }
  }

  private void object(JsonNode schema, ObjectNode object, String path) {
    String prefix = path.isEmpty() ? "" : path + ".";
    for (JsonNode required : Trees.items(schema, "required")) {
      if (object.get(required.asString()) == null) {
        findings.required(prefix + required.asString(), "");
      }
    }
    bound(schema, "minProperties", "maxProperties", object.size(), path, "properties");
    ObjectNode properties = Trees.objectAt(schema, "properties");
    JsonNode additional = Trees.at(schema, "additionalProperties");
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      JsonNode inner = properties == null ? null : properties.get(entry.getKey());
      JsonNode rules = inner == null && additional instanceof ObjectNode ? additional : inner;
      if (rules != null) {
        value(rules, entry.getValue(), prefix + entry.getKey());
      }
    }
  }

  private void array(JsonNode schema, ArrayNode array, String path) {
    bound(schema, "minItems", "maxItems", array.size(), path, "items");
    JsonNode items = Trees.at(schema, "items");
    String listType = Trees.text(schema, "x-kubernetes-list-type");
    Set<Object> seen = new HashSet<>();
    for (int i = 0; i < array.size(); i++) {
      JsonNode element = array.get(i);
      String at = path + "[" + i + "]";
      if (items != null) {
        value(items, element, at);
      }
      Object id =
          listType.equals("set") ? element : listType.equals("map") ? keys(schema, element) : i;
      if (!seen.add(id)) {
        findings.add(FieldError.duplicate(at, element));
      }
    }
  }

  private static List<JsonNode> keys(JsonNode schema, JsonNode element) {
    List<JsonNode> keys = new ArrayList<>();
    for (JsonNode key : Trees.items(schema, "x-kubernetes-list-map-keys")) {
      JsonNode value = element.get(key.asString());
      keys.add(value == null ? Trees.object() : value);
    }
    return keys;
  }

  private void bound(
      JsonNode schema, String least, String most, int size, String path, String things) {
    long minimum = Trees.number(schema, 0, least);
    long maximum = Trees.number(schema, Long.MAX_VALUE, most);
    if (size < minimum) {
      findings.add(FieldError.invalid(path, size, "must have at least " + minimum + " " + things));
    } else if (size > maximum) {
      findings.add(FieldError.tooMany(path, size, (int) Math.min(maximum, Integer.MAX_VALUE)));
    }
  }

  private void number(JsonNode schema, JsonNode value, String path) {
    JsonNode minimum = Trees.at(schema, "minimum");
    JsonNode maximum = Trees.at(schema, "maximum");
    if (minimum != null) {
      int compared = value.decimalValue().compareTo(minimum.decimalValue());
      boolean exclusive = Trees.flag(schema, "exclusiveMinimum");
      if (exclusive ? compared <= 0 : compared < 0) {
        findings.add(
            FieldError.invalid(
                path,
                value,
                "should be greater than " + (exclusive ? "" : "or equal to ") + minimum));
      }
    }
    if (maximum != null) {
      int compared = value.decimalValue().compareTo(maximum.decimalValue());
      boolean exclusive = Trees.flag(schema, "exclusiveMaximum");
      if (exclusive ? compared >= 0 : compared > 0) {
        findings.add(
            FieldError.invalid(
                path, value, "should be less than " + (exclusive ? "" : "or equal to ") + maximum));
      }
    }
  }

  private void text(JsonNode schema, String value, String path) {
    int length = value.codePointCount(0, value.length());
    long minimum = Trees.number(schema, 0, "minLength");
    long maximum = Trees.number(schema, Long.MAX_VALUE, "maxLength");
    if (length < minimum) {
      findings.add(
          FieldError.invalid(path, value, "should be at least " + minimum + " chars long"));
    } else if (length > maximum) {
      findings.add(FieldError.tooLong(path, (int) Math.min(maximum, Integer.MAX_VALUE)));
    }
    String pattern = Trees.text(schema, "pattern");
    if (!pattern.isEmpty() && !fits(pattern, value)) {
      findings.add(FieldError.invalid(path, value, "should match '" + pattern + "'"));
    }
  }

  /// A pattern Java does not understand lets everything through, as it came from an accepted
  /// definition.
  private static boolean fits(String pattern, String value) {
    try {
      return Pattern.compile(pattern).matcher(value).find();
    } catch (PatternSyntaxException e) {
      return true;
    }
  }
}
