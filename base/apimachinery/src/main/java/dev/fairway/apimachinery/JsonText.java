// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Reads JSON into a tree and notes fields that appear twice (the last one counts).
///
/// Depth and number length are bounded by the parser's own limits.
final class JsonText {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int MOST_DUPLICATES = 32;

  private final JsonParser parser;
  private final StringBuilder path = new StringBuilder();
  private final List<String> duplicates = new ArrayList<>();

  record Parsed(JsonNode tree, List<String> duplicates) {}

  private JsonText(JsonParser parser) {
    this.parser = parser;
  }

  static Parsed read(byte[] json) {
    try (JsonParser parser = Trees.mapper().createParser(json)) {
      JsonText text = new JsonText(parser);
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw StatusException.badRequest("the body is empty; an object is expected");
      }
      JsonNode tree = text.value(first);
      if (parser.nextToken() != null) {
        throw StatusException.badRequest("the body goes on after the end of the object");
      }
      return new Parsed(tree, text.duplicates);
    } catch (JacksonException e) {
      throw StatusException.badRequest("the body is not valid JSON: " + e.getOriginalMessage());
    }
  }

  private JsonNode value(JsonToken token) {
    return switch (token) {
      case START_OBJECT -> object();
      case START_ARRAY -> array();
      case VALUE_STRING -> NODES.stringNode(parser.getString());
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      case VALUE_NUMBER_INT ->
          switch (parser.getNumberType()) {
            case INT -> NODES.numberNode(parser.getIntValue());
            case LONG -> NODES.numberNode(parser.getLongValue());
            default -> NODES.numberNode(parser.getBigIntegerValue());
          };
      case VALUE_NUMBER_FLOAT -> NODES.numberNode(parser.getDoubleValue());
      default -> NODES.nullNode();
    };
  }

  private ObjectNode object() {
    ObjectNode object = NODES.objectNode();
    int mark = path.length();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      path.append(mark == 0 ? "" : ".").append(name);
      JsonNode before = object.replace(name, value(parser.nextToken()));
      if (before != null && duplicates.size() < MOST_DUPLICATES) {
        duplicates.add(path.toString());
      }
      path.setLength(mark);
    }
    return object;
  }

  private ArrayNode array() {
    ArrayNode array = NODES.arrayNode();
    int mark = path.length();
    for (JsonToken token = parser.nextToken();
        token != JsonToken.END_ARRAY;
        token = parser.nextToken()) {
      path.append('[').append(array.size()).append(']');
      array.add(value(token));
      path.setLength(mark);
    }
    return array;
  }
}
