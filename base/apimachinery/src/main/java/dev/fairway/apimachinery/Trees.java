// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Short ways to read and make JSON trees.
public final class Trees {
  private static final class Lazy {
    static final JsonMapper MAPPER = JsonMapper.builder().build();
  }

  private Trees() {}

  public static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  public static ArrayNode array() {
    return JsonNodeFactory.instance.arrayNode();
  }

  /// Parses JSON. Says where the text is wrong with a [StatusException] 400.
  public static JsonNode read(byte[] json) {
    try {
      return Lazy.MAPPER.readTree(json);
    } catch (JacksonException e) {
      throw StatusException.badRequest("the body is not valid JSON: " + e.getOriginalMessage());
    }
  }

  /// Like [#read(byte[])], for text; what is not an object is rejected.
  public static ObjectNode readObject(String json) {
    try {
      if (Lazy.MAPPER.readTree(json) instanceof ObjectNode object) {
        return object;
      }
    } catch (JacksonException e) {
      throw StatusException.badRequest("not valid JSON: " + e.getOriginalMessage());
    }
    throw StatusException.badRequest("not a JSON object");
  }

  public static byte[] write(JsonNode tree) {
    return Lazy.MAPPER.writeValueAsBytes(tree);
  }

  static JsonMapper mapper() {
    return Lazy.MAPPER;
  }

  public static ObjectNode copy(ObjectNode tree) {
    return tree.deepCopy();
  }

  /// The value at a path of field names, or null if a step is absent or JSON null.
  public static @Nullable JsonNode at(@Nullable JsonNode tree, String... path) {
    JsonNode at = tree;
    for (String name : path) {
      if (at == null) {
        return null;
      }
      at = at.get(name);
    }
    return at == null || at.isNull() ? null : at;
  }

  /// The string at a path; empty if it is absent or not a string.
  public static String text(@Nullable JsonNode tree, String... path) {
    JsonNode found = at(tree, path);
    return found != null && found.isString() ? found.stringValue() : "";
  }

  /// The integer at a path, or `otherwise`.
  public static long number(@Nullable JsonNode tree, long otherwise, String... path) {
    JsonNode found = at(tree, path);
    return found != null && found.isIntegralNumber() && found.canConvertToLong()
        ? found.longValue()
        : otherwise;
  }

  public static boolean flag(@Nullable JsonNode tree, String... path) {
    JsonNode found = at(tree, path);
    return found != null && found.isBoolean() && found.booleanValue();
  }

  /// The elements of the array at a path; none if there is no array.
  public static Iterable<JsonNode> items(@Nullable JsonNode tree, String... path) {
    return at(tree, path) instanceof ArrayNode array ? array : array();
  }

  /// The object at a path, or null.
  public static @Nullable ObjectNode objectAt(@Nullable JsonNode tree, String... path) {
    return at(tree, path) instanceof ObjectNode object ? object : null;
  }

  /// The object in a field, made if it is not there.
  public static ObjectNode child(ObjectNode tree, String name) {
    return tree.get(name) instanceof ObjectNode object ? object : tree.putObject(name);
  }
}
