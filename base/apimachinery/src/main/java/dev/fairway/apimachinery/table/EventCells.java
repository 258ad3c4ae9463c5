// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Trees;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/// The columns of events, under either of their two sets of field names.
final class EventCells {
  private EventCells() {}

  static List<Column> columns() {
    return List.of(
        Column.text("Last Seen", (event, now) -> lastSeen(event, now)),
        Column.text("Type", "type"),
        Column.text("Reason", "reason"),
        Column.text("Object", (event, now) -> object(event)),
        Column.wide("Subobject", (event, now) -> Trees.text(about(event), "fieldPath")),
        Column.wide("Source", (event, now) -> source(event)),
        Column.text("Message", (event, now) -> either(event, "message", "note").strip()),
        Column.wide("First Seen", (event, now) -> firstSeen(event, now)),
        Column.wide("Count", (event, now) -> Long.toString(count(event))),
        new Column(
            "Name", "string", "name", true, (event, now) -> Trees.text(event, "metadata", "name")));
  }

  private static String either(JsonNode event, String core, String newer) {
    String text = Trees.text(event, core);
    return text.isEmpty() ? Trees.text(event, newer) : text;
  }

  private static JsonNode about(JsonNode event) {
    JsonNode about = Trees.at(event, "involvedObject");
    JsonNode regarding = Trees.at(event, "regarding");
    return about != null ? about : regarding != null ? regarding : Trees.object();
  }

  private static String object(JsonNode event) {
    JsonNode about = about(event);
    return Trees.text(about, "kind").toLowerCase(Locale.ROOT) + "/" + Trees.text(about, "name");
  }

  private static String source(JsonNode event) {
    JsonNode source = Trees.at(event, "source");
    JsonNode old = source == null ? Trees.at(event, "deprecatedSource") : source;
    String component = Trees.text(old, "component");
    String host = Trees.text(old, "host");
    if (component.isEmpty()) {
      component = either(event, "reportingComponent", "reportingController");
      host = Trees.text(event, "reportingInstance");
    }
    return host.isEmpty() ? component : component + ", " + host;
  }

  private static String first(JsonNode event) {
    String first = either(event, "firstTimestamp", "deprecatedFirstTimestamp");
    return first.isEmpty() ? Trees.text(event, "eventTime") : first;
  }

  private static String firstSeen(JsonNode event, Instant now) {
    return Cells.since(now, first(event));
  }

  private static String lastSeen(JsonNode event, Instant now) {
    String series = Trees.text(event, "series", "lastObservedTime");
    String last = either(event, "lastTimestamp", "deprecatedLastTimestamp");
    String seen = !series.isEmpty() ? series : !last.isEmpty() ? last : first(event);
    return Cells.since(now, seen);
  }

  private static long count(JsonNode event) {
    long series = Trees.number(event, 0, "series", "count");
    long old = Trees.number(event, Trees.number(event, 1, "deprecatedCount"), "count");
    return series > 0 ? series : Math.max(1, old);
  }
}
