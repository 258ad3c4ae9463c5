// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.patch;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.Yaml;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Applies patches to objects.
public final class Patches {
  public enum Type {
    JSON,
    MERGE,
    STRATEGIC;

    /// Reads a Content-Type; null if it is none of the three.
    public static @Nullable Type ofMediaType(String contentType) {
      int semicolon = contentType.indexOf(';');
      String media = (semicolon < 0 ? contentType : contentType.substring(0, semicolon)).strip();
      return switch (media) {
        case "application/json-patch+json" -> JSON;
        case "application/merge-patch+json" -> MERGE;
        case "application/strategic-merge-patch+json" -> STRATEGIC;
        default -> null;
      };
    }
  }

  private Patches() {}

  /// The patched object, a new tree. Rejects a bad patch with [StatusException] 400 or 422, and a
  /// strategic one for a custom kind with 415.
  public static ObjectNode apply(
      Type type, Kind kind, ObjectNode current, byte[] patch, boolean yaml) {
    JsonNode read = yaml ? Yaml.read(patch) : Trees.read(patch);
    JsonNode patched =
        switch (type) {
          case JSON -> JsonPatch.apply(Trees.copy(current), read);
          case MERGE -> merge(Trees.copy(current), object(read));
          case STRATEGIC -> {
            if (kind.custom() != null) {
              throw StatusException.unsupportedMediaType(
                  "the body of the request was in an unknown format - accepted media types include:"
                      + " application/json-patch+json, application/merge-patch+json");
            }
            yield StrategicMerge.apply(kind.schema(), Trees.copy(current), object(read));
          }
        };
    if (patched instanceof ObjectNode object) {
      return object;
    }
    throw StatusException.badRequest("the patch turns the object into something else");
  }

  private static ObjectNode object(JsonNode patch) {
    if (patch instanceof ObjectNode object) {
      return object;
    }
    throw StatusException.badRequest("the patch must be an object");
  }

  /// RFC 7386; changes and returns `target`.
  static ObjectNode merge(ObjectNode target, ObjectNode patch) {
    for (Map.Entry<String, JsonNode> entry : patch.properties()) {
      String name = entry.getKey();
      JsonNode value = entry.getValue();
      if (value.isNull()) {
        target.remove(name);
      } else if (value instanceof ObjectNode inner) {
        ObjectNode into = target.get(name) instanceof ObjectNode o ? o : Trees.object();
        target.set(name, merge(into, inner));
      } else {
        target.set(name, value.deepCopy());
      }
    }
    return target;
  }
}
