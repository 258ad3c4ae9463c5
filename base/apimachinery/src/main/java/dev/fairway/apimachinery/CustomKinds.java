// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import dev.fairway.schemas.Schema;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The kinds that CustomResourceDefinitions define.
public final class CustomKinds {
  private static final String META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
  private static final List<String> VERBS =
      List.of("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch");

  private CustomKinds() {}

  /// One kind for each served version of an apiextensions.k8s.io/v1 CustomResourceDefinition.
  public static List<Kind> of(ObjectNode definition) {
    String group = Trees.text(definition, "spec", "group");
    JsonNode names = Trees.at(definition, "spec", "names");
    String plural = Trees.text(names, "plural");
    String kind = Trees.text(names, "kind");
    String singular = Trees.text(names, "singular");
    String listKind = Trees.text(names, "listKind");
    List<Kind> kinds = new ArrayList<>();
    for (JsonNode item : Trees.items(definition, "spec", "versions")) {
      if (!(item instanceof ObjectNode version) || !Trees.flag(version, "served")) {
        continue;
      }
      kinds.add(
          new Kind(
              group,
              Trees.text(version, "name"),
              kind,
              plural,
              singular.isEmpty() ? kind.toLowerCase(Locale.ROOT) : singular,
              texts(names, "shortNames"),
              texts(names, "categories"),
              Trees.text(definition, "spec", "scope").equals("Namespaced"),
              VERBS,
              subresources(version),
              "/registry/" + group + "/" + plural,
              listKind.isEmpty() ? kind + "List" : listKind,
              "",
              new Kind.Custom(top(version), version)));
    }
    return kinds;
  }

  private static List<Subresource> subresources(ObjectNode version) {
    List<Subresource> found = new ArrayList<>();
    for (String name : List.of("scale", "status")) {
      if (Trees.at(version, "subresources", name) != null) {
        found.add(Subresource.of("", name));
      }
    }
    return found;
  }

  private static List<String> texts(@Nullable JsonNode tree, String field) {
    List<String> texts = new ArrayList<>();
    for (JsonNode item : Trees.items(tree, field)) {
      texts.add(item.asString());
    }
    return texts;
  }

  private static Schema.Struct top(ObjectNode version) {
    JsonNode schema = Trees.at(version, "schema", "openAPIV3Schema");
    Schema.Struct written =
        schema != null && schema(schema) instanceof Schema.Struct struct
            ? struct
            : new Schema.Struct("", Map.of(), true);
    Map<String, Schema.Field> fields = new LinkedHashMap<>(written.fields());
    Schema text = new Schema.Scalar(Schema.Type.STRING, "", List.of());
    for (String name : List.of("apiVersion", "kind")) {
      fields.put(name, new Schema.Field(name, text, false, Schema.Merge.NONE));
    }
    fields.put(
        "metadata",
        new Schema.Field("metadata", new Schema.Reference(META), false, Schema.Merge.NONE));
    return new Schema.Struct("", fields, written.keepsUnknown());
  }

  static Schema schema(JsonNode node) {
    if (Trees.flag(node, "x-kubernetes-int-or-string")) {
      return new Schema.Scalar(Schema.Type.INT_OR_STRING, "", List.of());
    }
    String format = Trees.text(node, "format");
    return switch (Trees.text(node, "type")) {
      case "string" ->
          // Only formats that have a canonical form in the API are checked here.
          new Schema.Scalar(Schema.Type.STRING, format.equals("byte") ? "byte" : "", List.of());
      case "integer" ->
          new Schema.Scalar(
              Schema.Type.INTEGER, format.equals("int32") ? "int32" : "int64", List.of());
      case "number" -> new Schema.Scalar(Schema.Type.NUMBER, format, List.of());
      case "boolean" -> new Schema.Scalar(Schema.Type.BOOLEAN, "", List.of());
      case "array" -> {
        JsonNode items = Trees.at(node, "items");
        yield new Schema.ListOf(items == null ? new Schema.Any() : schema(items));
      }
      case "object" -> object(node);
      default -> new Schema.Any();
    };
  }

  private static Schema object(JsonNode node) {
    boolean keeps = Trees.flag(node, "x-kubernetes-preserve-unknown-fields");
    ObjectNode properties = Trees.objectAt(node, "properties");
    if (properties == null) {
      JsonNode additional = Trees.at(node, "additionalProperties");
      if (additional instanceof ObjectNode values) {
        return new Schema.MapOf(schema(values));
      }
      if (additional != null && additional.isBoolean() && additional.booleanValue()) {
        return new Schema.MapOf(new Schema.Any());
      }
      if (Trees.flag(node, "x-kubernetes-embedded-resource")) {
        return new Schema.Any();
      }
      return new Schema.Struct("", Map.of(), keeps, isAtomic(node));
    }
    Map<String, Schema.Field> fields = new LinkedHashMap<>();
    List<String> required = texts(node, "required");
    for (Map.Entry<String, JsonNode> property : properties.properties()) {
      String name = property.getKey();
      fields.put(
          name,
          new Schema.Field(
              name,
              schema(property.getValue()),
              required.contains(name),
              merge(property.getValue())));
    }
    return new Schema.Struct("", fields, keeps, isAtomic(node));
  }

  private static boolean isAtomic(JsonNode node) {
    return Trees.text(node, "x-kubernetes-map-type").equals("atomic");
  }

  private static Schema.Merge merge(JsonNode property) {
    String listType = Trees.text(property, "x-kubernetes-list-type");
    boolean atomicMap = isAtomic(property);
    return listType.isEmpty() && !atomicMap
        ? Schema.Merge.NONE
        : new Schema.Merge(
            false, false, "", listType, texts(property, "x-kubernetes-list-map-keys"), atomicMap);
  }
}
