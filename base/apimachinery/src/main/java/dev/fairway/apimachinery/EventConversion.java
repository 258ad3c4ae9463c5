// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Events exist twice, as v1 and as events.k8s.io/v1, with other names for the same fields. They
/// are stored once, as v1.
public final class EventConversion {
  /// v1 name to events.k8s.io/v1 name.
  private static final Map<String, String> NAMES =
      Map.of(
          "involvedObject", "regarding",
          "message", "note",
          "source", "deprecatedSource",
          "firstTimestamp", "deprecatedFirstTimestamp",
          "lastTimestamp", "deprecatedLastTimestamp",
          "count", "deprecatedCount",
          "reportingComponent", "reportingController");

  private EventConversion() {}

  /// The event as this kind has it; the same tree if it is of that kind already.
  public static ObjectNode convert(Kind to, ObjectNode event) {
    if (Trees.text(event, "apiVersion").equals(to.apiVersion())) {
      return event;
    }
    ObjectNode converted = Trees.object();
    for (Map.Entry<String, JsonNode> entry : event.properties()) {
      converted.set(renamed(to, entry.getKey()), entry.getValue().deepCopy());
    }
    converted.put("apiVersion", to.apiVersion());
    return converted;
  }

  private static String renamed(Kind to, String field) {
    for (Map.Entry<String, String> pair : NAMES.entrySet()) {
      @Nullable String from = to.group().isEmpty() ? pair.getValue() : pair.getKey();
      if (field.equals(from)) {
        return to.group().isEmpty() ? pair.getKey() : pair.getValue();
      }
    }
    return field;
  }
}
