// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.openapi;

import dev.fairway.apimachinery.Trees;
import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Writes definitions as OpenAPI schemas, in the style of version 3 (references wrapped in `allOf`
/// with a default) or 2 (bare references), and collects every definition that is referred to.
final class SchemaWriter {
  static final String META = "io.k8s.apimachinery.pkg.apis.meta.v1.";
  private static final String TIME = META + "Time";
  private static final String MICRO_TIME = META + "MicroTime";
  private static final String QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";
  private static final String INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
  private static final String RAW = "io.k8s.apimachinery.pkg.runtime.RawExtension";

  private final boolean three;
  private final Map<String, ObjectNode> written = new TreeMap<>();
  private final Deque<String> waiting = new ArrayDeque<>();

  SchemaWriter(boolean three) {
    this.three = three;
  }

  /// Makes sure that the definition, and all it needs, will be in the result.
  void need(String definition) {
    if (!written.containsKey(definition)) {
      written.put(definition, Trees.object());
      waiting.add(definition);
    }
  }

  void put(String definition, ObjectNode schema) {
    written.put(definition, schema);
  }

  /// Everything needed so far, by name.
  Map<String, ObjectNode> finish() {
    while (!waiting.isEmpty()) {
      String name = waiting.remove();
      written.put(name, definition(name));
    }
    return written;
  }

  ObjectNode reference(String definition) {
    need(definition);
    return Trees.object()
        .put("$ref", (three ? "#/components/schemas/" : "#/definitions/") + definition);
  }

  private ObjectNode definition(String name) {
    ObjectNode special = special(name);
    if (special != null) {
      return special;
    }
    Schema.Struct struct = Schemas.builtin().definition(name);
    if (struct == null) {
      return Trees.object().put("type", "object");
    }
    return struct(name, struct);
  }

  private @Nullable ObjectNode special(String name) {
    ObjectNode schema = Trees.object();
    switch (name) {
      case TIME ->
          schema
              .put("description", "A time with whole seconds, as in RFC 3339.")
              .put("format", "date-time")
              .put("type", "string");
      case MICRO_TIME ->
          schema
              .put("description", "A time with microseconds, as in RFC 3339.")
              .put("format", "date-time")
              .put("type", "string");
      case QUANTITY -> {
        schema.put("description", "An amount with a suffix, such as 500m or 1Gi.");
        oneOf(schema, "number");
      }
      case INT_OR_STRING -> {
        schema.put("description", "A number or a string, such as a count or a percentage.");
        schema.put("format", "int-or-string");
        oneOf(schema, "integer");
      }
      case RAW -> schema.put("description", "Any object.").put("type", "object");
      default -> {
        return null;
      }
    }
    return schema;
  }

  private void oneOf(ObjectNode schema, String other) {
    if (three) {
      ArrayNode choices = schema.putArray("oneOf");
      choices.addObject().put("type", other);
      choices.addObject().put("type", "string");
    } else {
      schema.put("type", "string");
    }
  }

  ObjectNode struct(String name, Schema.Struct struct) {
    ObjectNode schema = Trees.object();
    String about = Schemas.builtin().description(name, "");
    if (!about.isEmpty()) {
      schema.put("description", about);
    }
    schema.put("type", "object");
    ObjectNode properties = Trees.object();
    ArrayNode required = Trees.array();
    for (Schema.Field field : struct.fields().values()) {
      ObjectNode property = property(field.schema());
      String description = Schemas.builtin().description(name, field.name());
      // A field that has nothing to say of its own is explained by what it holds.
      if (description.isEmpty() && three && field.schema() instanceof Schema.Reference(String of)) {
        description = Schemas.builtin().description(of, "");
      }
      if (!description.isEmpty()) {
        property.put("description", description);
      }
      merge(field.merge(), property);
      properties.set(field.name(), property);
      if (field.required()) {
        required.add(field.name());
      }
    }
    if (!properties.isEmpty()) {
      schema.set("properties", properties);
    }
    if (!required.isEmpty()) {
      schema.set("required", required);
    }
    if (struct.atomic()) {
      schema.put("x-kubernetes-map-type", "atomic");
    }
    return schema;
  }

  private static void merge(Schema.Merge merge, ObjectNode property) {
    if (!merge.listType().isEmpty()) {
      property.put("x-kubernetes-list-type", merge.listType());
    }
    if (merge.atomicMap()) {
      property.put("x-kubernetes-map-type", "atomic");
    }
    if (!merge.listKeys().isEmpty()) {
      ArrayNode keys = property.putArray("x-kubernetes-list-map-keys");
      merge.listKeys().forEach(keys::add);
    }
    if (!merge.key().isEmpty()) {
      property.put("x-kubernetes-patch-merge-key", merge.key());
    }
    String strategy =
        merge.merge() ? (merge.retainKeys() ? "merge,retainKeys" : "merge") : "retainKeys";
    if (merge.merge() || merge.retainKeys()) {
      property.put("x-kubernetes-patch-strategy", strategy);
    }
  }

  private ObjectNode property(Schema schema) {
    return switch (schema) {
      case Schema.Reference(String definition) -> wrapped(definition, true);
      case Schema.ListOf(Schema items) -> {
        ObjectNode list = Trees.object().put("type", "array");
        list.set("items", property(items));
        yield list;
      }
      case Schema.MapOf(Schema values) -> {
        ObjectNode map = Trees.object().put("type", "object");
        map.set("additionalProperties", property(values));
        yield map;
      }
      case Schema.Scalar scalar -> scalar(scalar);
      case Schema.Struct struct -> struct("", struct);
      case Schema.Any any -> wrapped(RAW, false);
    };
  }

  private ObjectNode scalar(Schema.Scalar scalar) {
    ObjectNode schema = Trees.object();
    switch (scalar.type()) {
      case STRING -> {
        if (scalar.format().equals("date-time")) {
          return wrapped(TIME, false);
        }
        if (scalar.format().equals("micro-time")) {
          return wrapped(MICRO_TIME, false);
        }
        schema.put("type", "string");
      }
      case INTEGER -> schema.put("type", "integer");
      case NUMBER -> schema.put("type", "number");
      case BOOLEAN -> schema.put("type", "boolean");
      case INT_OR_STRING -> {
        return wrapped(INT_OR_STRING, false);
      }
      case QUANTITY -> {
        return wrapped(QUANTITY, false);
      }
    }
    if (!scalar.format().isEmpty()) {
      schema.put("format", scalar.format());
    }
    if (!scalar.values().isEmpty()) {
      ArrayNode values = schema.putArray("enum");
      scalar.values().forEach(values::add);
    }
    return schema;
  }

  private ObjectNode wrapped(String definition, boolean object) {
    ObjectNode reference = reference(definition);
    if (!three) {
      return reference;
    }
    ObjectNode schema = Trees.object();
    schema.putArray("allOf").add(reference);
    if (object) {
      schema.putObject("default");
    }
    return schema;
  }

  static List<String> metaDefinitions() {
    return List.of(META + "DeleteOptions", META + "Status", META + "WatchEvent");
  }
}
