// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import dev.fairway.schemas.Schemas;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads what a client sends: text to tree, types checked, unknown fields found and dropped, values
/// brought into the API's canonical form.
public final class Decoder {
  /// An object ready for defaults and validation.
  ///
  /// @param warnings for `Warning` headers, in the order of the fields
  public record Decoded(ObjectNode object, List<String> warnings) {}

  private Decoder() {}

  /// Reads an object of this kind. Rejects with [StatusException] 400.
  public static Decoded decode(Kind kind, byte[] body, boolean yaml, FieldValidation mode) {
    JsonText.Parsed parsed =
        yaml ? new JsonText.Parsed(Yaml.read(body), List.of()) : JsonText.read(body);
    return check(kind, object(parsed.tree(), kind.kind()), mode, parsed.duplicates());
  }

  /// Checks a tree in place, for example one that a patch has made.
  public static Decoded check(Kind kind, ObjectNode tree, FieldValidation mode) {
    return check(kind, tree, mode, List.of());
  }

  /// Reads a body by its definition's name, such as DeleteOptions. Unknown fields are dropped.
  public static ObjectNode decodeDefinition(String definition, byte[] body, boolean yaml) {
    JsonNode tree = yaml ? Yaml.read(body) : JsonText.read(body).tree();
    String name = definition.substring(definition.lastIndexOf('.') + 1);
    ObjectNode object = object(tree, name);
    Conformance conformance = new Conformance(name);
    conformance.walk(
        Schemas.builtin().resolve(new dev.fairway.schemas.Schema.Reference(definition)), object);
    return object;
  }

  private static ObjectNode object(JsonNode tree, String kind) {
    if (tree instanceof ObjectNode object) {
      return object;
    }
    throw StatusException.badRequest(
        "the body must be an object of kind " + kind + ", not " + Conformance.typeOf(tree));
  }

  private static Decoded check(
      Kind kind, ObjectNode tree, FieldValidation mode, List<String> duplicates) {
    identity(kind, tree);
    String subject =
        kind.kind()
            + " in version \""
            + kind.version()
            + "\" cannot be handled as a "
            + kind.kind()
            + ": ";
    Conformance conformance = new Conformance(subject);
    conformance.walk(kind.schema(), tree);
    if (mode == FieldValidation.IGNORE) {
      return new Decoded(tree, List.of());
    }
    List<String> found = new ArrayList<>();
    for (String field : conformance.unknown()) {
      found.add("unknown field \"" + field + "\"");
    }
    for (String field : duplicates) {
      found.add("duplicate field \"" + field + "\"");
    }
    if (mode == FieldValidation.STRICT && !found.isEmpty()) {
      throw StatusException.badRequest(
          subject + "strict decoding error: " + String.join(", ", found));
    }
    return new Decoded(tree, found);
  }

  private static void identity(Kind kind, ObjectNode tree) {
    String apiVersion = Trees.text(tree, "apiVersion");
    String name = Trees.text(tree, "kind");
    if (!apiVersion.isEmpty() && !apiVersion.equals(kind.apiVersion())) {
      throw StatusException.badRequest(
          "the API version in the data ("
              + apiVersion
              + ") does not match the expected API version ("
              + kind.apiVersion()
              + ")");
    }
    if (!name.isEmpty() && !name.equals(kind.kind())) {
      throw StatusException.badRequest(
          "the object provided is of kind \""
              + name
              + "\", but the resource "
              + kind.groupResource()
              + " holds objects of kind \""
              + kind.kind()
              + "\"");
    }
    tree.put("apiVersion", kind.apiVersion());
    tree.put("kind", kind.kind());
  }
}
