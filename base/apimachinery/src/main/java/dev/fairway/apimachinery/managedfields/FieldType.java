// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import dev.fairway.apimachinery.Trees;
import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What a value is by its schema, and how far it can be divided among owners.
record FieldType(Schema schema, Schema.Merge merge) {
  private static final FieldType ANY = new FieldType(new Schema.Any(), Schema.Merge.NONE);

  enum Division {
    /// One owner.
    WHOLE,
    /// An owner for each field of a struct or entry of a map.
    FIELDS,
    /// An owner for each item of a list, and for the fields in it.
    ITEMS
  }

  static FieldType of(Schema schema) {
    return new FieldType(Schemas.builtin().resolve(schema), Schema.Merge.NONE);
  }

  Division division(JsonNode value) {
    if (value.isObject()) {
      boolean atomic = merge.atomicMap() || (schema instanceof Schema.Struct s && s.atomic());
      return atomic || schema instanceof Schema.Scalar ? Division.WHOLE : Division.FIELDS;
    }
    boolean items =
        value.isArray() && (merge.listType().equals("map") || merge.listType().equals("set"));
    return items ? Division.ITEMS : Division.WHOLE;
  }

  /// Whether a field is one of a struct's, not an entry of a map.
  boolean knows(String name) {
    return schema instanceof Schema.Struct struct && struct.field(name) != null;
  }

  FieldType field(String name) {
    return switch (schema) {
      case Schema.Struct struct -> {
        Schema.Field field = struct.field(name);
        yield field == null ? ANY : new FieldType(resolve(field.schema()), field.merge());
      }
      case Schema.MapOf(Schema values) -> of(values);
      default -> ANY;
    };
  }

  FieldType item() {
    return schema instanceof Schema.ListOf(Schema items) ? of(items) : ANY;
  }

  private static Schema resolve(Schema schema) {
    return Schemas.builtin().resolve(schema);
  }

  /// The step that leads to an item.
  ///
  /// @return null if the item lacks a key
  @Nullable String step(JsonNode item) {
    if (merge.listType().equals("set")) {
      return "v:" + item;
    }
    ObjectNode keys = Trees.object();
    List<String> sorted = merge.listKeys().stream().sorted().toList();
    for (String key : sorted) {
      JsonNode value = item.get(key);
      if (value != null) {
        keys.set(key, value);
      } else if (key.equals("protocol")) {
        // The one key of the API that has a default.
        keys.put(key, "TCP");
      } else {
        return null;
      }
    }
    return "k:" + new String(Trees.write(keys), StandardCharsets.UTF_8);
  }
}
