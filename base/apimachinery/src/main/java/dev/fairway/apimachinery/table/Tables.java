// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Makes meta.k8s.io/v1 Tables and the metadata-only forms of objects.
public final class Tables {
  /// How much of the object a row carries: the `includeObject` query parameter.
  public enum IncludeObject {
    NONE,
    METADATA,
    OBJECT;

    /// Absent and empty mean [#METADATA].
    public static IncludeObject parse(@Nullable String query) {
      return switch (query == null ? "" : query) {
        case "", "Metadata" -> METADATA;
        case "None" -> NONE;
        case "Object" -> OBJECT;
        default ->
            throw StatusException.badRequest(
                "includeObject must be None, Metadata or Object, not \"" + query + "\"");
      };
    }
  }

  private Tables() {}

  /// A table with a row for each object.
  ///
  /// @param listMetadata the list's metadata; for a single object or event, the object's
  ///   resourceVersion is taken where this is null
  /// @param withColumns false for all but the first event of a watch
  public static ObjectNode render(
      Kind kind,
      List<ObjectNode> objects,
      @Nullable JsonNode listMetadata,
      IncludeObject include,
      Instant now,
      boolean withColumns) {
    List<Column> columns = Columns.of(kind);
    ObjectNode table = Trees.object().put("kind", "Table").put("apiVersion", "meta.k8s.io/v1");
    if (listMetadata != null) {
      table.set("metadata", listMetadata);
    } else {
      ObjectNode metadata = table.putObject("metadata");
      if (objects.size() == 1) {
        metadata.put(
            "resourceVersion", Trees.text(objects.getFirst(), "metadata", "resourceVersion"));
      }
    }
    ArrayNode definitions = table.putArray("columnDefinitions");
    if (withColumns) {
      for (Column column : columns) {
        column.define(definitions.addObject());
      }
    }
    ArrayNode rows = table.putArray("rows");
    for (ObjectNode object : objects) {
      row(columns, object, include, now, rows.addObject());
    }
    return table;
  }

  private static void row(
      List<Column> columns, ObjectNode object, IncludeObject include, Instant now, ObjectNode row) {
    ArrayNode cells = row.putArray("cells");
    for (Column column : columns) {
      switch (column.cell().of(object, now)) {
        case Long number -> cells.add(number.longValue());
        case Integer number -> cells.add(number.intValue());
        case Boolean flag -> cells.add(flag.booleanValue());
        case JsonNode node -> cells.add(node);
        case Object text -> cells.add(text.toString());
      }
    }
    switch (include) {
      case NONE -> row.putNull("object");
      case METADATA -> row.set("object", partialMetadata(object));
      case OBJECT -> row.set("object", object);
    }
  }

  /// The object with nothing but its metadata.
  public static ObjectNode partialMetadata(ObjectNode object) {
    ObjectNode partial =
        Trees.object().put("kind", "PartialObjectMetadata").put("apiVersion", "meta.k8s.io/v1");
    JsonNode metadata = object.get("metadata");
    partial.set("metadata", metadata == null ? Trees.object() : metadata);
    return partial;
  }

  public static ObjectNode partialMetadataList(
      Iterable<ObjectNode> objects, @Nullable JsonNode listMetadata) {
    ObjectNode list =
        Trees.object().put("kind", "PartialObjectMetadataList").put("apiVersion", "meta.k8s.io/v1");
    list.set("metadata", listMetadata == null ? Trees.object() : listMetadata);
    ArrayNode items = list.putArray("items");
    for (ObjectNode object : objects) {
      items.add(partialMetadata(object));
    }
    return list;
  }
}
