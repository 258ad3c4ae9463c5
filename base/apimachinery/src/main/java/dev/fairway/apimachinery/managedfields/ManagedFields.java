// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The entries of `metadata.managedFields`.
final class ManagedFields {
  static final String APPLY = "Apply";
  static final String UPDATE = "Update";

  /// As many writers by update are kept apart; the oldest become one.
  private static final int MOST_UPDATERS = 10;

  private static final String ANCIENT = "ancient-changes";
  private static final Comparator<Entry> ORDER =
      Comparator.comparing(Entry::operation)
          .thenComparing(Entry::time)
          .thenComparing(Entry::manager)
          .thenComparing(Entry::apiVersion)
          .thenComparing(Entry::subresource);

  private ManagedFields() {}

  /// What one writer owns.
  ///
  /// @param time RFC 3339, of the last change; may be empty
  record Entry(
      String manager,
      String operation,
      String apiVersion,
      String time,
      String subresource,
      FieldSet fields) {
    /// Whether both are of one writer: one that applies is the same in every version.
    boolean isOf(Entry other) {
      return manager.equals(other.manager)
          && operation.equals(other.operation)
          && subresource.equals(other.subresource)
          && (operation.equals(APPLY) || apiVersion.equals(other.apiVersion));
    }

    Entry with(FieldSet fields) {
      return new Entry(manager, operation, apiVersion, time, subresource, fields);
    }

    /// As messages name it.
    String shown() {
      String name = "\"" + manager + "\"";
      if (!subresource.isEmpty()) {
        name += " with subresource \"" + subresource + "\"";
      }
      if (operation.equals(APPLY)) {
        return name;
      }
      return name + " using " + apiVersion + (time.isEmpty() ? "" : " at " + time);
    }
  }

  /// Reads an object's entries; none if any of them is not well formed.
  static List<Entry> read(ObjectNode object) {
    List<Entry> entries = new ArrayList<>();
    for (JsonNode item : Trees.items(object, "metadata", "managedFields")) {
      JsonNode fields = item.get("fieldsV1");
      String operation = Trees.text(item, "operation");
      if (fields == null
          || !Trees.text(item, "fieldsType").equals("FieldsV1")
          || !(operation.equals(APPLY) || operation.equals(UPDATE))
          || !FieldSet.isWellFormed(fields)) {
        return List.of();
      }
      entries.add(
          new Entry(
              Trees.text(item, "manager"),
              operation,
              Trees.text(item, "apiVersion"),
              Trees.text(item, "time"),
              Trees.text(item, "subresource"),
              FieldSet.of((ObjectNode) fields)));
    }
    return entries;
  }

  /// Whether a client asks to forget all entries: one that is empty.
  static boolean isReset(ObjectNode object) {
    return Trees.at(object, "metadata", "managedFields") instanceof ArrayNode given
        && given.size() == 1
        && given.get(0).isEmpty();
  }

  static void write(ObjectNode object, List<Entry> entries) {
    ObjectNode metadata = Trees.child(object, "metadata");
    List<Entry> kept = new ArrayList<>(entries);
    kept.removeIf(entry -> entry.fields().isEmpty());
    if (kept.isEmpty()) {
      metadata.remove("managedFields");
      return;
    }
    kept.sort(ORDER);
    ArrayNode list = metadata.putArray("managedFields");
    for (Entry entry : joined(kept)) {
      ObjectNode item = list.addObject();
      item.put("manager", entry.manager()).put("operation", entry.operation());
      item.put("apiVersion", entry.apiVersion());
      if (!entry.time().isEmpty()) {
        item.put("time", entry.time());
      }
      item.put("fieldsType", "FieldsV1").set("fieldsV1", entry.fields().tree());
      if (!entry.subresource().isEmpty()) {
        item.put("subresource", entry.subresource());
      }
    }
  }

  private static List<Entry> joined(List<Entry> sorted) {
    long updaters = sorted.stream().filter(entry -> entry.operation().equals(UPDATE)).count();
    if (updaters <= MOST_UPDATERS) {
      return sorted;
    }
    List<Entry> kept = new ArrayList<>();
    long surplus = updaters - MOST_UPDATERS + 1;
    Entry ancient = null;
    for (Entry entry : sorted) {
      if (entry.operation().equals(UPDATE) && surplus-- > 0) {
        FieldSet fields =
            ancient == null ? entry.fields() : ancient.fields().union(entry.fields()).sorted();
        ancient = new Entry(ANCIENT, UPDATE, entry.apiVersion(), entry.time(), "", fields);
      } else {
        kept.add(entry);
      }
    }
    if (ancient != null) {
      kept.add(ancient);
      kept.sort(ORDER);
    }
    return kept;
  }
}
