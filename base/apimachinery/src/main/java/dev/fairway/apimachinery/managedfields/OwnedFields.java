// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import static java.util.Objects.requireNonNull;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.managedfields.FieldType.Division;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Walks objects field by field, as far as they are divided among owners.
final class OwnedFields {
  private OwnedFields() {}

  /// What differs between two states of an object.
  record Difference(FieldSet added, FieldSet modified, FieldSet removed) {
    boolean isEmpty() {
      return added.isEmpty() && modified.isEmpty() && removed.isEmpty();
    }

    FieldSet written() {
      return added.union(modified);
    }

    private static Difference of(Trio trio) {
      return new Difference(
          FieldSet.of(trio.added), FieldSet.of(trio.modified), FieldSet.of(trio.removed));
    }
  }

  private record Trio(
      @Nullable ObjectNode added, @Nullable ObjectNode modified, @Nullable ObjectNode removed) {
    static final Trio NONE = new Trio(null, null, null);
  }

  /// All fields that an object has.
  static FieldSet of(FieldType type, ObjectNode object) {
    return FieldSet.of(fields(type, object, false));
  }

  private static @Nullable ObjectNode fields(FieldType type, JsonNode value, boolean itself) {
    ObjectNode children = Trees.object();
    switch (type.division(value)) {
      case WHOLE -> {
        return children;
      }
      case FIELDS ->
          value
              .properties()
              .forEach(field -> {
                JsonNode inner = field.getValue();
                boolean alone = inner.isNull() || (inner.isObject() && inner.isEmpty());
                FieldSet.put(
                    children,
                    "f:" + field.getKey(),
                    fields(
                        type.field(field.getKey()), inner, alone || !type.knows(field.getKey())));
              });
      case ITEMS -> {
        for (Map.Entry<String, JsonNode> item : items(type, value).entrySet()) {
          FieldSet.put(children, item.getKey(), fields(type.item(), item.getValue(), true));
        }
      }
    }
    return FieldSet.step(itself, children);
  }

  /// A list's items by the steps that lead to them; of equal ones, the first.
  private static Map<String, JsonNode> items(FieldType type, @Nullable JsonNode list) {
    Map<String, JsonNode> items = new LinkedHashMap<>();
    if (list instanceof ArrayNode array) {
      for (JsonNode item : array) {
        String step = type.step(item);
        if (step != null) {
          items.putIfAbsent(step, item);
        }
      }
    }
    return items;
  }

  static Difference compare(FieldType type, ObjectNode before, ObjectNode after) {
    return Difference.of(differences(type, before, after));
  }

  private static Trio differences(
      FieldType type, @Nullable JsonNode before, @Nullable JsonNode after) {
    if (before == null) {
      return after == null ? Trio.NONE : divided(type, null, after);
    }
    if (before.equals(after)) {
      return Trio.NONE;
    }
    return divided(type, before, after);
  }

  private static Trio divided(FieldType type, @Nullable JsonNode before, @Nullable JsonNode after) {
    Division division = division(type, before, after);
    boolean empty = (before == null || before.isEmpty()) && (after == null || after.isEmpty());
    if (division == Division.WHOLE || empty) {
      ObjectNode here = Trees.object();
      return before == null
          ? new Trio(here, null, null)
          : after == null ? new Trio(null, null, here) : new Trio(null, here, null);
    }
    ObjectNode added = Trees.object();
    ObjectNode modified = Trees.object();
    ObjectNode removed = Trees.object();
    if (division == Division.FIELDS) {
      Set<String> names = new LinkedHashSet<>();
      properties(before).forEachRemaining(field -> names.add(field.getKey()));
      properties(after).forEachRemaining(field -> names.add(field.getKey()));
      for (String name : names) {
        Trio inner =
            differences(
                type.field(name),
                before == null ? null : before.get(name),
                after == null ? null : after.get(name));
        FieldSet.put(added, "f:" + name, inner.added);
        FieldSet.put(modified, "f:" + name, inner.modified);
        FieldSet.put(removed, "f:" + name, inner.removed);
      }
    } else {
      Map<String, JsonNode> old = items(type, before);
      Map<String, JsonNode> now = items(type, after);
      Set<String> steps = new LinkedHashSet<>(old.keySet());
      steps.addAll(now.keySet());
      for (String step : steps) {
        Trio inner = differences(type.item(), old.get(step), now.get(step));
        FieldSet.put(added, step, inner.added);
        FieldSet.put(modified, step, inner.modified);
        FieldSet.put(removed, step, inner.removed);
      }
    }
    return new Trio(
        FieldSet.step(before == null, added),
        FieldSet.step(false, modified),
        FieldSet.step(after == null, removed));
  }

  private static Division division(
      FieldType type, @Nullable JsonNode before, @Nullable JsonNode after) {
    Division first = before == null ? null : type.division(before);
    Division second = after == null ? null : type.division(after);
    if (first == null || second == null) {
      return first == null ? requireNonNull(second) : first;
    }
    return first == second ? first : Division.WHOLE;
  }

  private static Iterator<Map.Entry<String, JsonNode>> properties(@Nullable JsonNode value) {
    return value == null
        ? Set.<Map.Entry<String, JsonNode>>of().iterator()
        : value.properties().iterator();
  }

  /// The live object with what is applied laid over it. Neither is changed.
  static ObjectNode merge(FieldType type, ObjectNode live, ObjectNode applied) {
    return (ObjectNode) merged(type, live, applied);
  }

  private static JsonNode merged(
      FieldType type, @Nullable JsonNode live, @Nullable JsonNode applied) {
    if (applied == null || live == null) {
      return (applied == null ? requireNonNull(live) : applied).deepCopy();
    }
    return switch (division(type, live, applied)) {
      case WHOLE -> applied.deepCopy();
      case FIELDS -> {
        ObjectNode both = (ObjectNode) live.deepCopy();
        applied
            .properties()
            .forEach(field ->
                both.set(
                    field.getKey(),
                    merged(
                        type.field(field.getKey()), live.get(field.getKey()), field.getValue())));
        yield both;
      }
      case ITEMS -> mergedItems(type, live, applied);
    };
  }

  /// What is applied keeps its order; what is only in the live list stays behind what it stood
  /// behind, even what cannot be told from others there.
  private static ArrayNode mergedItems(FieldType type, JsonNode live, JsonNode applied) {
    Map<String, JsonNode> liveItems = items(type, live);
    Map<String, JsonNode> appliedItems = items(type, applied);
    List<String> right = new ArrayList<>(appliedItems.keySet());
    List<String> shared = right.stream().filter(liveItems::containsKey).toList();
    Set<String> done = new HashSet<>();
    ArrayNode both = Trees.array();
    int l = 0;
    int r = 0;
    int next = 0;
    while (l < live.size() || r < right.size()) {
      if (l < live.size()) {
        String step = type.step(live.get(l));
        if (step == null || !appliedItems.containsKey(step)) {
          both.add(live.get(l++).deepCopy());
          continue;
        }
        boolean turn = r < right.size() && step.equals(right.get(r));
        boolean later = next < shared.size() && !shared.get(next).equals(step);
        if (!turn && (done.contains(step) || later)) {
          l++;
          continue;
        }
        if (turn) {
          l++;
        }
      }
      if (r < right.size()) {
        String step = right.get(r++);
        both.add(merged(type.item(), liveItems.get(step), appliedItems.get(step)));
        done.add(step);
        if (next < shared.size() && shared.get(next).equals(step)) {
          next++;
        }
      }
    }
    return both;
  }

  /// The object without the fields of a set. A list or map that this empties goes, too.
  static ObjectNode remove(FieldType type, ObjectNode object, FieldSet set) {
    JsonNode left = removed(type, object, set.tree());
    return left instanceof ObjectNode rest ? rest : Trees.object();
  }

  private static @Nullable JsonNode removed(FieldType type, JsonNode value, JsonNode set) {
    JsonNode rest =
        switch (type.division(value)) {
          case WHOLE -> value;
          case FIELDS -> withoutFields(type, value, set);
          case ITEMS -> withoutItems(type, value, set);
        };
    return rest.isContainer() && rest.isEmpty() && !value.isEmpty() ? null : rest;
  }

  private static JsonNode withoutFields(FieldType type, JsonNode value, JsonNode set) {
    ObjectNode rest = Trees.object();
    value
        .properties()
        .forEach(field -> {
          JsonNode step = set.get("f:" + field.getKey());
          JsonNode left = left(type.field(field.getKey()), field.getValue(), step);
          if (left != null) {
            rest.set(field.getKey(), left);
          }
        });
    return rest;
  }

  private static JsonNode withoutItems(FieldType type, JsonNode value, JsonNode set) {
    ArrayNode rest = Trees.array();
    for (JsonNode item : value) {
      String name = type.step(item);
      JsonNode left = left(type.item(), item, name == null ? null : set.get(name));
      if (left != null) {
        rest.add(left);
      }
    }
    return rest;
  }

  private static @Nullable JsonNode left(FieldType type, JsonNode value, @Nullable JsonNode step) {
    if (step == null) {
      return value;
    }
    return FieldSet.isItself(step) ? null : removed(type, value, step);
  }

  /// The set with every struct field that leads to one of its fields. Such a field cannot be told
  /// from its contents when it is taken away.
  static FieldSet withNamed(FieldType type, FieldSet set) {
    return FieldSet.of(withNamed(type, set.tree(), false));
  }

  private static @Nullable ObjectNode withNamed(FieldType type, ObjectNode set, boolean itself) {
    ObjectNode children = Trees.object();
    set.properties()
        .forEach(step -> {
          String key = step.getKey();
          if (!FieldSet.isStep(key)) {
            return;
          }
          String name = key.substring(2);
          boolean field = key.startsWith("f:");
          FieldType inner = field ? type.field(name) : type.item();
          ObjectNode child = (ObjectNode) step.getValue();
          boolean in = FieldSet.isItself(child) || (field && type.knows(name));
          FieldSet.put(children, key, withNamed(inner, child, in));
        });
    return FieldSet.step(itself, children);
  }

  /// Refuses lists whose items cannot be told apart.
  ///
  /// @throws StatusException 400
  static void requireKeys(FieldType type, JsonNode value, String path) {
    switch (type.division(value)) {
      case WHOLE -> {}
      case FIELDS ->
          value
              .properties()
              .forEach(field ->
                  requireKeys(
                      type.field(field.getKey()), field.getValue(), path + "." + field.getKey()));
      case ITEMS -> {
        Set<String> steps = new HashSet<>();
        int index = 0;
        for (JsonNode item : value) {
          String here = path + "[" + index++ + "]";
          String step = type.step(item);
          if (step == null) {
            throw StatusException.badRequest(
                here
                    + ": the item lacks a key of its list ("
                    + String.join(", ", type.merge().listKeys())
                    + "), which has no default");
          }
          if (!steps.add(step)) {
            throw StatusException.badRequest(
                here + ": there is an earlier item with the same key: " + step.substring(2));
          }
          requireKeys(type.item(), item, here);
        }
      }
    }
  }
}
