// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.openapi;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Subresource;
import dev.fairway.apimachinery.Trees;
import dev.fairway.schemas.Schema;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// One OpenAPI document: paths, and the schemas they need.
///
/// Only what clients look at is written: verbs, kinds, query parameters and bodies.
final class Document {
  private static final String PATCHES =
      "application/json-patch+json,application/merge-patch+json,"
          + "application/strategic-merge-patch+json";

  private final boolean three;
  private final SchemaWriter schemas;
  private final ObjectNode paths = Trees.object();

  Document(boolean three) {
    this.three = three;
    this.schemas = new SchemaWriter(three);
  }

  ObjectNode of(String path, List<Kind> kinds) {
    for (Kind kind : kinds) {
      definition(kind);
      paths(kind);
    }
    SchemaWriter.metaDefinitions().forEach(schemas::need);
    ObjectNode root = Trees.object().put(three ? "openapi" : "swagger", three ? "3.0.0" : "2.0");
    root.putObject("info").put("title", "Kubernetes").put("version", "v1");
    root.set("paths", paths);
    ObjectNode into =
        three ? root.putObject("components").putObject("schemas") : root.putObject("definitions");
    for (Map.Entry<String, ObjectNode> entry : schemas.finish().entrySet()) {
      into.set(entry.getKey(), entry.getValue());
    }
    mark(kinds, into);
    return root;
  }

  /// Schemas of whole objects say which group, version and kind they are.
  private static void mark(List<Kind> kinds, ObjectNode schemas) {
    for (Kind kind : kinds) {
      if (schemas.get(name(kind)) instanceof ObjectNode schema) {
        ObjectNode entry = schema.putArray("x-kubernetes-group-version-kind").addObject();
        identify(entry, kind.group(), kind.version(), kind.kind());
      }
      if (schemas.get(name(kind) + "List") instanceof ObjectNode schema) {
        ObjectNode entry = schema.putArray("x-kubernetes-group-version-kind").addObject();
        identify(entry, kind.group(), kind.version(), kind.listKind());
      }
    }
  }

  private static String name(Kind kind) {
    if (kind.custom() == null) {
      return kind.definition();
    }
    String[] labels = kind.group().split("\\.");
    StringBuilder reversed = new StringBuilder();
    for (int i = labels.length - 1; i >= 0; i--) {
      reversed.append(labels[i]).append('.');
    }
    return reversed + kind.version() + "." + kind.kind();
  }

  private void definition(Kind kind) {
    if (kind.custom() == null) {
      schemas.need(kind.definition());
      return;
    }
    // The definition's own schema is OpenAPI already; only metadata are added.
    JsonNode written = Trees.at(kind.custom().version(), "schema", "openAPIV3Schema");
    ObjectNode schema = written instanceof ObjectNode object ? object.deepCopy() : Trees.object();
    schema.put("type", "object");
    ObjectNode properties = Trees.child(schema, "properties");
    properties.set("apiVersion", Trees.object().put("type", "string"));
    properties.set("kind", Trees.object().put("type", "string"));
    ObjectNode metadata = Trees.object();
    ObjectNode reference = schemas.reference(SchemaWriter.META + "ObjectMeta");
    if (three) {
      metadata.putArray("allOf").add(reference);
    } else {
      metadata = reference;
    }
    properties.set("metadata", metadata);
    schemas.put(name(kind), schema);
    Schema.Struct list = new Schema.Struct("", Map.of(), false);
    ObjectNode listSchema = schemas.struct("", list);
    ObjectNode listProperties = listSchema.putObject("properties");
    listProperties.set("apiVersion", Trees.object().put("type", "string"));
    listProperties.set("kind", Trees.object().put("type", "string"));
    ObjectNode items = Trees.object().put("type", "array");
    items.set("items", schemas.reference(name(kind)));
    listProperties.set("items", items);
    listProperties.set("metadata", schemas.reference(SchemaWriter.META + "ListMeta"));
    schemas.put(name(kind) + "List", listSchema);
  }

  private void paths(Kind kind) {
    String root =
        (kind.group().isEmpty() ? "/api/" : "/apis/")
            + kind.apiVersion()
            + (kind.namespaced() ? "/namespaces/{namespace}/" : "/")
            + kind.plural();
    ObjectNode collection = Trees.object();
    ObjectNode single = Trees.object();
    for (String verb : kind.verbs()) {
      switch (verb) {
        case "list" -> operation(collection, "get", "list", kind, kind.kind());
        case "create" -> operation(collection, "post", "post", kind, kind.kind());
        case "deletecollection" ->
            operation(collection, "delete", "deletecollection", kind, kind.kind());
        case "get" -> operation(single, "get", "get", kind, kind.kind());
        case "update" -> operation(single, "put", "put", kind, kind.kind());
        case "patch" -> operation(single, "patch", "patch", kind, kind.kind());
        case "delete" -> operation(single, "delete", "delete", kind, kind.kind());
        default -> {}
      }
    }
    if (!collection.isEmpty()) {
      parameters(collection, kind.namespaced(), false);
      paths.set(root, collection);
    }
    if (!single.isEmpty()) {
      parameters(single, kind.namespaced(), true);
      paths.set(root + "/{name}", single);
    }
    for (Subresource sub : kind.subresources()) {
      if (sub.kind().isEmpty() && !sub.name().equals("log")) {
        ObjectNode item = Trees.object();
        operation(item, "get", "get", kind, kind.kind());
        operation(item, "patch", "patch", kind, kind.kind());
        operation(item, "put", "put", kind, kind.kind());
        parameters(item, kind.namespaced(), true);
        paths.set(root + "/{name}/" + sub.name(), item);
      }
    }
  }

  private void operation(ObjectNode item, String method, String action, Kind kind, String body) {
    ObjectNode operation = item.putObject(method);
    operation.put("description", action + " " + body);
    ArrayNode parameters = operation.putArray("parameters");
    if (!method.equals("get")) {
      query(parameters, "dryRun");
      if (!method.equals("delete")) {
        query(parameters, "fieldManager");
        query(parameters, "fieldValidation");
      }
    }
    ObjectNode answer = operation.putObject("responses").putObject("200").put("description", "OK");
    String definition = action.equals("list") ? name(kind) + "List" : name(kind);
    if (method.equals("delete")) {
      definition = SchemaWriter.META + "Status";
    }
    if (three) {
      ObjectNode content = answer.putObject("content").putObject("application/json");
      content.set("schema", schemas.reference(definition));
      if (method.equals("patch")) {
        ObjectNode accepted = operation.putObject("requestBody").putObject("content");
        for (String type : PATCHES.split(",")) {
          accepted.putObject(type).putObject("schema").put("type", "object");
        }
      } else if (method.equals("post") || method.equals("put")) {
        operation
            .putObject("requestBody")
            .putObject("content")
            .putObject("*/*")
            .set("schema", schemas.reference(name(kind)));
      }
    } else {
      answer.set("schema", schemas.reference(definition));
      body(operation, parameters, method, kind);
    }
    operation.put("x-kubernetes-action", action);
    identify(
        operation.putObject("x-kubernetes-group-version-kind"),
        kind.group(),
        kind.version(),
        kind.kind());
  }

  private void body(ObjectNode operation, ArrayNode parameters, String method, Kind kind) {
    if (method.equals("patch")) {
      ArrayNode consumes = operation.putArray("consumes");
      for (String type : PATCHES.split(",")) {
        consumes.add(type);
      }
    }
    if (!method.equals("get") && !method.equals("delete")) {
      ObjectNode body =
          parameters.addObject().put("name", "body").put("in", "body").put("required", true);
      if (method.equals("patch")) {
        body.putObject("schema").put("type", "object");
      } else {
        body.set("schema", schemas.reference(name(kind)));
      }
    }
  }

  private void query(ArrayNode parameters, String name) {
    ObjectNode parameter = parameters.addObject().put("name", name).put("in", "query");
    typed(parameter);
  }

  private void typed(ObjectNode parameter) {
    if (three) {
      parameter.putObject("schema").put("type", "string").put("uniqueItems", true);
    } else {
      parameter.put("type", "string").put("uniqueItems", true);
    }
  }

  private void parameters(ObjectNode item, boolean namespaced, boolean named) {
    ArrayNode parameters = item.putArray("parameters");
    if (named) {
      typed(parameters.addObject().put("name", "name").put("in", "path").put("required", true));
    }
    if (namespaced) {
      typed(
          parameters.addObject().put("name", "namespace").put("in", "path").put("required", true));
    }
  }

  private static void identify(ObjectNode into, String group, String version, String kind) {
    into.put("group", group).put("kind", kind).put("version", version);
  }
}
