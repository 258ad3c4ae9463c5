// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.openapi;

import dev.fairway.apimachinery.Yaml;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Encodes an OpenAPI 2 document as the protobuf message `openapi.v2.Document` of the gnostic
/// project (OpenAPIv2.proto; the numbers below are its field numbers). Only the parts that
/// [Document] writes.
final class Gnostic {
  private static final class Message {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Message text(int field, String value) {
      return raw(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message text(int field, JsonNode owner, String name) {
      JsonNode value = owner.get(name);
      return value == null || !value.isString() ? this : text(field, value.stringValue());
    }

    Message flag(int field, JsonNode owner, String name) {
      JsonNode value = owner.get(name);
      if (value != null && value.isBoolean() && value.booleanValue()) {
        varint((long) field << 3);
        varint(1);
      }
      return this;
    }

    Message message(int field, Consumer<Message> content) {
      Message inner = new Message();
      content.accept(inner);
      return raw(field, inner.bytes.toByteArray());
    }

    private Message raw(int field, byte[] value) {
      varint(((long) field << 3) | 2);
      varint(value.length);
      bytes.writeBytes(value);
      return this;
    }

    private void varint(long value) {
      long rest = value;
      while ((rest & ~0x7FL) != 0) {
        bytes.write((int) ((rest & 0x7F) | 0x80));
        rest >>>= 7;
      }
      bytes.write((int) rest);
    }
  }

  byte[] encode(ObjectNode document) {
    Message message = new Message();
    message.text(1, document, "swagger");
    message.message(
        2,
        info ->
            info.text(1, document.path("info"), "title").text(2, document.path("info"), "version"));
    message.message(
        8,
        paths -> {
          for (Map.Entry<String, JsonNode> entry : document.path("paths").properties()) {
            paths.message(
                2,
                named ->
                    named.text(1, entry.getKey()).message(2, item -> path(item, entry.getValue())));
          }
        });
    message.message(
        9,
        definitions -> {
          for (Map.Entry<String, JsonNode> entry : document.path("definitions").properties()) {
            definitions.message(
                1,
                named ->
                    named
                        .text(1, entry.getKey())
                        .message(2, schema -> schema(schema, entry.getValue())));
          }
        });
    return message.bytes.toByteArray();
  }

  private void path(Message item, JsonNode path) {
    String[] methods = {"get", "put", "post", "delete", "options", "head", "patch"};
    for (int i = 0; i < methods.length; i++) {
      JsonNode operation = path.get(methods[i]);
      if (operation != null) {
        item.message(2 + i, into -> operation(into, operation));
      }
    }
    parameters(item, 9, path.path("parameters"));
  }

  private void operation(Message into, JsonNode operation) {
    into.text(3, operation, "description");
    for (JsonNode type : operation.path("consumes")) {
      into.text(7, type.asString());
    }
    parameters(into, 8, operation.path("parameters"));
    into.message(
        9,
        responses -> {
          for (Map.Entry<String, JsonNode> entry : operation.path("responses").properties()) {
            responses.message(
                1,
                named ->
                    named
                        .text(1, entry.getKey())
                        .message(
                            2,
                            value ->
                                value.message(
                                    1, response -> response(response, entry.getValue()))));
          }
        });
    extensions(into, 13, operation);
  }

  private void response(Message into, JsonNode response) {
    into.text(1, response, "description");
    JsonNode schema = response.get("schema");
    if (schema != null) {
      // SchemaItem { Schema schema = 1 }
      into.message(2, item -> item.message(1, inner -> schema(inner, schema)));
    }
  }

  private void parameters(Message into, int field, JsonNode parameters) {
    for (JsonNode parameter : parameters) {
      // ParametersItem { Parameter parameter = 1 }
      into.message(field, item -> item.message(1, inner -> parameter(inner, parameter)));
    }
  }

  private void parameter(Message into, JsonNode parameter) {
    switch (parameter.path("in").asString()) {
      case "body" ->
          into.message(
              1,
              body ->
                  body.text(2, parameter, "name")
                      .text(3, parameter, "in")
                      .flag(4, parameter, "required")
                      .message(5, schema -> schema(schema, parameter.path("schema"))));
      case "query" ->
          // NonBodyParameter { header 1, form_data 2, query 3, path 4 }
          into.message(
              2,
              other ->
                  other.message(
                      3,
                      query ->
                          query
                              .flag(1, parameter, "required")
                              .text(2, parameter, "in")
                              .text(4, parameter, "name")
                              .text(6, parameter, "type")));
      default ->
          into.message(
              2,
              other ->
                  other.message(
                      4,
                      path ->
                          path.flag(1, parameter, "required")
                              .text(2, parameter, "in")
                              .text(4, parameter, "name")
                              .text(5, parameter, "type")));
    }
  }

  private void schema(Message into, JsonNode schema) {
    into.text(1, schema, "$ref").text(2, schema, "format").text(4, schema, "description");
    for (JsonNode name : schema.path("required")) {
      into.text(19, name.asString());
    }
    for (JsonNode value : schema.path("enum")) {
      // Any { string yaml = 2 }
      into.message(20, any -> any.text(2, yaml(value)));
    }
    JsonNode additional = schema.get("additionalProperties");
    if (additional instanceof ObjectNode) {
      into.message(21, item -> item.message(1, inner -> schema(inner, additional)));
    }
    JsonNode type = schema.get("type");
    if (type != null && type.isString()) {
      into.message(22, item -> item.text(1, type.stringValue()));
    }
    JsonNode items = schema.get("items");
    if (items instanceof ObjectNode) {
      into.message(23, item -> item.message(1, inner -> schema(inner, items)));
    }
    JsonNode properties = schema.get("properties");
    if (properties instanceof ObjectNode) {
      into.message(
          25,
          all -> {
            for (Map.Entry<String, JsonNode> entry : properties.properties()) {
              all.message(
                  1,
                  named ->
                      named
                          .text(1, entry.getKey())
                          .message(2, inner -> schema(inner, entry.getValue())));
            }
          });
    }
    extensions(into, 31, schema);
  }

  /// NamedAny { string name = 1; Any value = 2 }, where Any holds YAML text.
  private static void extensions(Message into, int field, JsonNode owner) {
    for (Map.Entry<String, JsonNode> entry : owner.properties()) {
      if (entry.getKey().startsWith("x-")) {
        into.message(
            field,
            named ->
                named
                    .text(1, entry.getKey())
                    .message(2, any -> any.text(2, yaml(entry.getValue()))));
      }
    }
  }

  private static String yaml(JsonNode value) {
    return value instanceof ObjectNode || value instanceof ArrayNode
        ? new String(Yaml.write(value), StandardCharsets.UTF_8)
        : value.asString() + "\n";
  }
}
