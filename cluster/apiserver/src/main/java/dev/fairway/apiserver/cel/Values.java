// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import dev.cel.common.values.NullValue;
import java.util.AbstractList;
import java.util.AbstractMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Objects of the API as expressions see them: views, nothing is copied.
public final class Values {
  private Values() {}

  /// A tree as a value; null for what is not there.
  public static Object of(@Nullable JsonNode tree) {
    return switch (tree) {
      case null -> NullValue.NULL_VALUE;
      case ObjectNode object -> new ObjectView(object);
      case ArrayNode array -> new ArrayView(array);
      case JsonNode scalar when scalar.isString() -> scalar.stringValue();
      case JsonNode scalar when scalar.isBoolean() -> scalar.booleanValue();
      case JsonNode scalar when scalar.isIntegralNumber() && scalar.canConvertToLong() ->
          scalar.longValue();
      case JsonNode scalar when scalar.isNumber() -> scalar.doubleValue();
      default -> NullValue.NULL_VALUE;
    };
  }

  /// The same, as a value that need not be there.
  public static Object optional(@Nullable JsonNode tree) {
    return tree == null ? Optional.empty() : Optional.of(of(tree));
  }

  private static final class ArrayView extends AbstractList<Object> {
    private final ArrayNode array;

    ArrayView(ArrayNode array) {
      this.array = array;
    }

    @Override
    public Object get(int index) {
      if (index < 0 || index >= array.size()) {
        throw new IndexOutOfBoundsException(index);
      }
      return of(array.get(index));
    }

    @Override
    public int size() {
      return array.size();
    }
  }

  /// A field whose name is no identifier is also found by its escaped name, such as `x__dash__y`.
  private static final class ObjectView extends AbstractMap<String, Object> {
    private final ObjectNode object;

    ObjectView(ObjectNode object) {
      this.object = object;
    }

    private @Nullable JsonNode find(Object key) {
      if (!(key instanceof String name)) {
        return null;
      }
      JsonNode found = object.get(name);
      if (found == null && name.contains("__")) {
        found = object.get(unescape(name));
      }
      return found == null || found.isNull() ? null : found;
    }

    @Override
    public boolean containsKey(Object key) {
      return find(key) != null;
    }

    @Override
    public @Nullable Object get(Object key) {
      JsonNode found = find(key);
      return found == null ? null : of(found);
    }

    @Override
    public Set<Entry<String, Object>> entrySet() {
      Set<Entry<String, Object>> entries = new LinkedHashSet<>();
      for (Map.Entry<String, JsonNode> field : object.properties()) {
        entries.add(Map.entry(field.getKey(), of(field.getValue())));
      }
      return entries;
    }

    @Override
    public int size() {
      return object.size();
    }
  }

  private static String unescape(String name) {
    StringBuilder plain = new StringBuilder();
    int at = 0;
    while (at < name.length()) {
      String rest = name.substring(at);
      if (rest.startsWith("__underscores__")) {
        plain.append("__");
        at += 15;
      } else if (rest.startsWith("__dot__")) {
        plain.append('.');
        at += 7;
      } else if (rest.startsWith("__dash__")) {
        plain.append('-');
        at += 8;
      } else if (rest.startsWith("__slash__")) {
        plain.append('/');
        at += 9;
      } else {
        plain.append(name.charAt(at++));
      }
    }
    String text = plain.toString();
    // A keyword of the language: `__namespace__`.
    return text.length() > 4 && text.startsWith("__") && text.endsWith("__")
        ? text.substring(2, text.length() - 2)
        : text;
  }
}
