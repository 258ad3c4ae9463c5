// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// YAML 1.2 (core values only, no tags, few aliases) to and from JSON trees.
public final class Yaml {
  private static final int MOST_ALIASES = 50;
  private static final int LARGEST = 3 * 1024 * 1024;
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private Yaml() {}

  /// Reads one document. Says what is wrong with a [StatusException] 400.
  public static JsonNode read(byte[] yaml) {
    if (yaml.length > LARGEST) {
      throw StatusException.tooLarge("the YAML document is larger than " + LARGEST + " bytes");
    }
    LoadSettings settings =
        LoadSettings.builder()
            .setLabel("body")
            .setMaxAliasesForCollections(MOST_ALIASES)
            .setAllowDuplicateKeys(false)
            .setAllowRecursiveKeys(false)
            .setCodePointLimit(LARGEST)
            .build();
    try {
      return node(new Load(settings).loadFromInputStream(new ByteArrayInputStream(yaml)), 0);
    } catch (YamlEngineException e) {
      throw StatusException.badRequest("the body is not valid YAML: " + firstLines(e.getMessage()));
    }
  }

  public static byte[] write(JsonNode tree) {
    DumpSettings settings =
        DumpSettings.builder().setDefaultFlowStyle(FlowStyle.BLOCK).setSplitLines(false).build();
    return new Dump(settings)
        .dumpToString(plain(tree))
        .getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  private static String firstLines(@Nullable String message) {
    String text = message == null ? "unreadable" : message.strip().replace('\n', ' ');
    return text.length() > 300 ? text.substring(0, 300) : text;
  }

  private static JsonNode node(@Nullable Object value, int depth) {
    if (depth > 200) {
      throw StatusException.badRequest("the body is nested too deeply");
    }
    return switch (value) {
      case null -> NODES.nullNode();
      case String text -> NODES.stringNode(text);
      case Boolean flag -> NODES.booleanNode(flag);
      case Integer number -> NODES.numberNode(number);
      case Long number -> NODES.numberNode(number);
      case BigInteger number -> NODES.numberNode(number);
      case Double number -> NODES.numberNode(number);
      case Map<?, ?> map -> object(map, depth);
      case Iterable<?> items -> {
        ArrayNode array = NODES.arrayNode();
        for (Object item : items) {
          array.add(node(item, depth + 1));
        }
        yield array;
      }
      default ->
          throw StatusException.badRequest(
              "the body is not valid YAML: a value of type "
                  + value.getClass().getSimpleName()
                  + " has no meaning here");
    };
  }

  private static ObjectNode object(Map<?, ?> map, int depth) {
    ObjectNode object = NODES.objectNode();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      object.set(String.valueOf(entry.getKey()), node(entry.getValue(), depth + 1));
    }
    return object;
  }

  private static @Nullable Object plain(JsonNode tree) {
    return switch (tree) {
      case ObjectNode object -> {
        Map<String, @Nullable Object> map = new java.util.LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : object.properties()) {
          map.put(entry.getKey(), plain(entry.getValue()));
        }
        yield map;
      }
      case ArrayNode array -> {
        java.util.List<@Nullable Object> items = new java.util.ArrayList<>();
        for (JsonNode item : array) {
          items.add(plain(item));
        }
        yield items;
      }
      default -> scalar(tree);
    };
  }

  private static @Nullable Object scalar(JsonNode tree) {
    if (tree.isString()) {
      return tree.stringValue();
    }
    if (tree.isBoolean()) {
      return tree.booleanValue();
    }
    if (tree.isIntegralNumber()) {
      return tree.bigIntegerValue();
    }
    return tree.isNumber() ? (Object) tree.doubleValue() : null;
  }
}
