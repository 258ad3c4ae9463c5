// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static java.util.Objects.requireNonNull;

import java.nio.charset.StandardCharsets;
import tools.jackson.databind.node.ObjectNode;

/// Kinds and objects for tests, written as YAML.
public final class Examples {
  private Examples() {}

  public static Kind kind(String apiVersion, String kind) {
    int slash = apiVersion.indexOf('/');
    String group = slash < 0 ? "" : apiVersion.substring(0, slash);
    return requireNonNull(
        Kinds.builtin().byKind(group, apiVersion.substring(slash + 1), kind), kind);
  }

  public static Kind kindOf(ObjectNode object) {
    return kind(Trees.text(object, "apiVersion"), Trees.text(object, "kind"));
  }

  /// Reads YAML as it is.
  public static ObjectNode yaml(String text) {
    return (ObjectNode) Yaml.read(text.getBytes(StandardCharsets.UTF_8));
  }

  /// Reads, decodes strictly and fills in defaults.
  public static ObjectNode object(String text) {
    ObjectNode read = yaml(text);
    Kind kind = kindOf(read);
    ObjectNode object = Decoder.check(kind, read, FieldValidation.STRICT).object();
    Defaults.apply(kind, object);
    return object;
  }

  public static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
