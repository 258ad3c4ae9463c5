// SPDX-License-Identifier: Apache-2.0
package dev.fairway.schemas;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The built-in definitions, by upstream's names (`io.k8s.api.core.v1.Pod`).
///
/// Loading finds only where each definition begins (about a millisecond); each is parsed at first
/// use. Thread safe.
public final class Schemas {
  private static final class Lazy {
    static final Schemas BUILTIN = new Schemas(read("definitions.txt"));
  }

  private static final class LazyDescriptions {
    static final Map<String, Map<String, String>> ALL = parseDescriptions();
  }

  private final String text;
  private final Map<String, Integer> offsets;
  private final Map<String, Schema.Struct> parsed = new ConcurrentHashMap<>();

  private Schemas(String text) {
    this.text = text;
    this.offsets = new HashMap<>(1024);
    int at = text.startsWith("=") ? 0 : text.indexOf("\n=") + 1;
    while (at >= 0 && at < text.length()) {
      int end = text.indexOf('\n', at);
      offsets.put(text.substring(at + 1, end), end + 1);
      int next = text.indexOf("\n=", end - 1);
      at = next < 0 ? -1 : next + 1;
    }
  }

  public static Schemas builtin() {
    return Lazy.BUILTIN;
  }

  public Set<String> names() {
    return Collections.unmodifiableSet(new TreeSet<>(offsets.keySet()));
  }

  /// Differs between builds whose definitions differ.
  public String fingerprint() {
    return Integer.toHexString(text.hashCode()) + "-" + Integer.toHexString(text.length());
  }

  /// The definition with this name, or null if there is none.
  public Schema.@Nullable Struct definition(String name) {
    Schema.Struct known = parsed.get(name);
    if (known != null) {
      return known;
    }
    Integer offset = offsets.get(name);
    if (offset == null) {
      return null;
    }
    Schema.Struct made = parse(name, offset);
    Schema.Struct raced = parsed.putIfAbsent(name, made);
    return raced == null ? made : raced;
  }

  /// Follows a reference; any other schema is returned as it is.
  public Schema resolve(Schema schema) {
    if (schema instanceof Schema.Reference(String definition)) {
      Schema.Struct struct = definition(definition);
      if (struct == null) {
        throw new IllegalStateException("no definition named " + definition);
      }
      return struct;
    }
    return schema;
  }

  /// What a definition (empty field) or one of its fields is for; empty if nothing is known.
  public String description(String definition, String field) {
    return LazyDescriptions.ALL.getOrDefault(definition, Map.of()).getOrDefault(field, "");
  }

  private Schema.Struct parse(String name, int offset) {
    Map<String, Schema.Field> fields = new LinkedHashMap<>();
    int at = offset;
    boolean atomic = false;
    while (at < text.length() && text.charAt(at) != '=') {
      int end = text.indexOf('\n', at);
      if (end > at && text.startsWith("* map=atomic", at)) {
        atomic = true;
      } else if (end > at) {
        Schema.Field field = field(text.substring(at, end));
        fields.put(field.name(), field);
      }
      at = end + 1;
    }
    return new Schema.Struct(name, Collections.unmodifiableMap(fields), false, atomic);
  }

  private static Schema.Field field(String line) {
    String[] words = line.split(" ");
    boolean required = false;
    boolean merge = false;
    boolean retainKeys = false;
    String key = "";
    String listType = "";
    List<String> listKeys = List.of();
    boolean atomicMap = false;
    List<String> values = List.of();
    for (int i = 2; i < words.length; i++) {
      String word = words[i];
      int equals = word.indexOf('=');
      String value = word.substring(equals + 1);
      switch (equals < 0 ? word : word.substring(0, equals)) {
        case "!" -> required = true;
        case "merge" -> merge = true;
        case "retain" -> retainKeys = true;
        case "key" -> key = value;
        case "list" -> listType = value;
        case "map" -> atomicMap = value.equals("atomic");
        case "keys" -> listKeys = List.of(value.split(","));
        case "enum" -> values = List.of(value.split("\\|"));
        default -> throw new IllegalStateException("schema line not understood: " + line);
      }
    }
    boolean plain = !merge && !retainKeys && listType.isEmpty() && !atomicMap;
    Schema.Merge how =
        plain
            ? Schema.Merge.NONE
            : new Schema.Merge(merge, retainKeys, key, listType, listKeys, atomicMap);
    return new Schema.Field(words[0], type(words[1], values), required, how);
  }

  private static Schema type(String word, List<String> values) {
    if (word.startsWith("[]")) {
      return new Schema.ListOf(type(word.substring(2), values));
    }
    if (word.startsWith("{}")) {
      return new Schema.MapOf(type(word.substring(2), values));
    }
    if (word.startsWith("@")) {
      return new Schema.Reference(word.substring(1));
    }
    int slash = word.indexOf('/');
    String format = slash < 0 ? "" : word.substring(slash + 1);
    return switch (slash < 0 ? word : word.substring(0, slash)) {
      case "any" -> new Schema.Any();
      case "string" -> new Schema.Scalar(Schema.Type.STRING, format, values);
      case "integer" -> new Schema.Scalar(Schema.Type.INTEGER, format, values);
      case "number" -> new Schema.Scalar(Schema.Type.NUMBER, format, values);
      case "boolean" -> new Schema.Scalar(Schema.Type.BOOLEAN, format, values);
      case "int-or-string" -> new Schema.Scalar(Schema.Type.INT_OR_STRING, format, values);
      case "quantity" -> new Schema.Scalar(Schema.Type.QUANTITY, format, values);
      default -> throw new IllegalStateException("schema type not understood: " + word);
    };
  }

  private static Map<String, Map<String, String>> parseDescriptions() {
    Map<String, Map<String, String>> all = new HashMap<>(1024);
    Map<String, String> current = new HashMap<>();
    for (String line : read("descriptions.txt").split("\n")) {
      int tab = line.indexOf('\t');
      if (tab < 0) {
        continue;
      }
      String text = line.substring(tab + 1).replace("\\n", "\n");
      if (line.startsWith("=")) {
        current = new HashMap<>();
        all.put(line.substring(1, tab), current);
        current.put("", text);
      } else {
        current.put(line.substring(0, tab), text);
      }
    }
    return all;
  }

  private static String read(String resource) {
    try (InputStream in = Schemas.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException("resource " + resource + " is missing from this build");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
