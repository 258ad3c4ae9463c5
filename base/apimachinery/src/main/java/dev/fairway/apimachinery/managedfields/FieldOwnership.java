// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.managedfields.ManagedFields.Entry;
import dev.fairway.apimachinery.managedfields.OwnedFields.Difference;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Keeps the owners of an object's fields, and applies.
public final class FieldOwnership {
  private static final String BEFORE_FIRST_APPLY = "before-first-apply";

  /// What is the server's own to set, or what the object is found by.
  private static final FieldSet NOBODYS =
      FieldSet.of(
          Trees.readObject(
              """
              {"f:apiVersion":{},"f:kind":{},"f:metadata":{".":{},"f:name":{},"f:namespace":{},
               "f:creationTimestamp":{},"f:selfLink":{},"f:uid":{},"f:generation":{},
               "f:managedFields":{},"f:resourceVersion":{}}}
              """));

  /// The structs that upstream's objects always have, so that nobody is noted to have made them.
  private static final ObjectNode BARE =
      Trees.readObject(
          """
          {"metadata":{},"spec":{"template":{"metadata":{},"spec":{}},"strategy":{},
           "updateStrategy":{}},"status":{"loadBalancer":{}}}
          """);

  private FieldOwnership() {}

  /// Who writes, to which part.
  ///
  /// @param subresource empty for the object itself
  public record Writer(String manager, String subresource, Instant now) {}

  /// Notes in `metadata.managedFields` what a writer has changed.
  ///
  /// @param old null for a new object
  /// @param wanted the new state; may bring entries of its own, which then count
  public static void update(Kind kind, @Nullable ObjectNode old, ObjectNode wanted, Writer writer) {
    ObjectNode before = bare(old == null ? Trees.copy(BARE) : old);
    List<Entry> entries = List.of();
    boolean reset = writer.subresource().isEmpty() && ManagedFields.isReset(wanted);
    if (writer.subresource().isEmpty() && !reset) {
      entries = ManagedFields.read(wanted);
    }
    if (entries.isEmpty() && old != null && !reset) {
      entries = ManagedFields.read(old);
    }
    if (old != null && entries.isEmpty()) {
      // Nobody's until somebody applies it, who then learns that it was there before.
      ManagedFields.write(wanted, entries);
      return;
    }
    ObjectNode after = bare(wanted);
    FieldType type = FieldType.of(kind.schema());
    Difference difference = OwnedFields.compare(type, before, after);
    FieldSet mine = own(kind, writer, difference.written());
    FieldSet lost = difference.written().union(difference.removed());
    Entry me =
        new Entry(
            writer.manager(),
            ManagedFields.UPDATE,
            kind.apiVersion(),
            Times.rfc3339(writer.now()),
            writer.subresource(),
            mine);
    List<Entry> kept = new ArrayList<>();
    for (Entry entry : entries) {
      FieldSet rest = entry.fields().difference(lost);
      if (!mine.isEmpty() && entry.isOf(me)) {
        me = me.with(rest.union(mine).sorted());
      } else {
        kept.add(entry.with(rest));
      }
    }
    if (!mine.isEmpty()) {
      kept.add(me.with(me.fields().sorted()));
    }
    ManagedFields.write(wanted, kept);
  }

  /// The object without the times of its owners' last writes. A write that changes nothing else is
  /// none.
  public static ObjectNode withoutTimes(ObjectNode object) {
    ObjectNode copy = Trees.object();
    copy.setAll(object);
    if (Trees.at(object, "metadata") instanceof ObjectNode metadata) {
      ObjectNode rest = Trees.object();
      rest.setAll(metadata);
      ArrayNode entries = Trees.array();
      Trees.items(metadata, "managedFields")
          .forEach(entry -> {
            if (entry instanceof ObjectNode one) {
              ObjectNode timeless = Trees.object();
              timeless.setAll(one);
              timeless.remove("time");
              entries.add(timeless);
            }
          });
      rest.set("managedFields", entries);
      copy.set("metadata", rest);
    }
    return copy;
  }

  /// The state after a server-side apply, `metadata.managedFields` included.
  ///
  /// @param live null if there is no such object yet
  /// @param applied what the writer wants to own
  /// @throws StatusException 409 that names the other owners, unless `force` takes the fields from
  ///   them; 400 if it cannot be applied
  public static ObjectNode apply(
      Kind kind, @Nullable ObjectNode live, ObjectNode applied, Writer writer, boolean force) {
    if (Trees.at(applied, "metadata", "managedFields") != null) {
      throw StatusException.badRequest("metadata.managedFields must be nil");
    }
    FieldType type = FieldType.of(kind.schema());
    OwnedFields.requireKeys(type, applied, "");
    Entry me =
        new Entry(
            writer.manager(),
            ManagedFields.APPLY,
            kind.apiVersion(),
            Times.rfc3339(writer.now()),
            writer.subresource(),
            own(kind, writer, OwnedFields.of(type, applied)).sorted());
    if (live == null) {
      ObjectNode made = Trees.copy(applied);
      ManagedFields.write(made, List.of(me));
      return made;
    }
    ObjectNode before = bare(live);
    List<Entry> entries = new ArrayList<>(ManagedFields.read(live));
    if (entries.isEmpty()) {
      entries.add(beforeFirstApply(kind, type, before, writer));
    }
    FieldSet last = FieldSet.EMPTY;
    List<Entry> others = new ArrayList<>();
    FieldSet managed = me.fields();
    boolean same = false;
    for (Entry entry : entries) {
      if (entry.isOf(me)) {
        last = entry.fields();
        same = last.tree().equals(me.fields().tree()) && entry.apiVersion().equals(me.apiVersion());
      } else {
        others.add(entry);
        managed = managed.union(entry.fields());
      }
    }
    ObjectNode merged = OwnedFields.merge(type, before, applied);
    ObjectNode after = pruned(type, merged, last, managed);
    Difference difference = OwnedFields.compare(type, before, after);
    if (same && difference.isEmpty()) {
      return Trees.copy(live);
    }
    FieldSet written = own(kind, writer, difference.written());
    if (!force) {
      requireNoConflict(others, written.difference(LastApplied.unchanged(type, before, writer)));
    }
    FieldSet lost = written.union(difference.removed());
    List<Entry> kept = new ArrayList<>();
    for (Entry other : others) {
      kept.add(other.with(other.fields().difference(lost)));
    }
    kept.add(me);
    ManagedFields.write(after, kept);
    LastApplied.renew(after, applied, writer);
    return after;
  }

  /// What a writer of this part of the object can own.
  private static FieldSet own(Kind kind, Writer writer, FieldSet fields) {
    FieldSet own = fields.difference(NOBODYS);
    if (writer.subresource().equals("status")) {
      return own.only("status");
    }
    return kind.subresource("status") == null ? own : own.without("status");
  }

  private static ObjectNode bare(ObjectNode object) {
    ObjectNode copy = Trees.object();
    copy.setAll(object);
    if (object.get("metadata") instanceof ObjectNode metadata) {
      ObjectNode rest = Trees.object();
      rest.setAll(metadata);
      rest.remove("managedFields");
      copy.set("metadata", rest);
    }
    return copy;
  }

  private static Entry beforeFirstApply(Kind kind, FieldType type, ObjectNode live, Writer writer) {
    FieldSet fields = OwnedFields.compare(type, Trees.copy(BARE), live).written();
    return new Entry(
        BEFORE_FIRST_APPLY,
        ManagedFields.UPDATE,
        kind.apiVersion(),
        Times.rfc3339(writer.now()),
        "",
        fields.difference(NOBODYS).sorted());
  }

  /// Takes away what the writer applied last time, does not now, and nobody else owns.
  private static ObjectNode pruned(
      FieldType type, ObjectNode merged, FieldSet last, FieldSet managed) {
    if (last.isEmpty()) {
      return merged;
    }
    FieldSet all = OwnedFields.withNamed(type, OwnedFields.of(type, merged));
    FieldSet mine = OwnedFields.withNamed(type, last);
    ObjectNode without = OwnedFields.remove(type, merged, mine);
    FieldSet stays =
        OwnedFields.withNamed(type, OwnedFields.of(type, without))
            .union(OwnedFields.withNamed(type, managed));
    ObjectNode owned = OwnedFields.remove(type, merged, all.difference(stays));
    FieldSet left = OwnedFields.withNamed(type, OwnedFields.of(type, owned));
    return OwnedFields.remove(type, merged, all.difference(left).intersection(mine));
  }

  private static void requireNoConflict(List<Entry> others, FieldSet written) {
    Map<String, List<String>> conflicts = new TreeMap<>();
    ArrayNode causes = Trees.array();
    int count = 0;
    for (Entry other : others) {
      List<String> fields = other.fields().intersection(written).paths();
      for (String field : fields) {
        conflicts.computeIfAbsent(other.shown(), _ -> new ArrayList<>()).add(field);
        causes
            .addObject()
            .put("reason", "FieldManagerConflict")
            .put("message", "conflict with " + other.shown())
            .put("field", field);
        count++;
      }
    }
    if (count == 0) {
      return;
    }
    StringBuilder text = new StringBuilder();
    text.append("Apply failed with ")
        .append(count)
        .append(count == 1 ? " conflict: " : " conflicts: ");
    if (count == 1) {
      conflicts.forEach((who, fields) ->
          text.append("conflict with ").append(who).append(": ").append(fields.getFirst()));
    } else {
      List<String> lines = new ArrayList<>();
      conflicts.forEach((who, fields) -> {
        lines.add("conflicts with " + who + ":");
        fields.forEach(field -> lines.add("- " + field));
      });
      text.append(String.join("\n", lines));
    }
    throw StatusException.applyConflict(text.toString(), causes);
  }
}
