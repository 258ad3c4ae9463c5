// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A set of fields of an object, as `FieldsV1` writes it: a tree of steps, `f:NAME` into a field or
/// an entry of a map, `k:{KEYS}` into an item of a list by its keys, `v:VALUE` to an item by its
/// value. A step is itself in the set if nothing follows it, or `.` does. Never changed once made.
final class FieldSet {
  static final FieldSet EMPTY = new FieldSet(Trees.object());
  private static final String ITSELF = ".";

  /// As deep as the parser lets any object be.
  private static final int DEEPEST = 500;

  private final ObjectNode tree;

  private FieldSet(ObjectNode tree) {
    this.tree = tree;
  }

  /// A set from its tree, which must not be changed any more.
  static FieldSet of(@Nullable ObjectNode tree) {
    return tree == null || tree.isEmpty() ? EMPTY : new FieldSet(tree);
  }

  /// A tree of one step; null if there is nothing in it.
  static @Nullable ObjectNode step(boolean itself, ObjectNode children) {
    if (children.isEmpty()) {
      return itself ? children : null;
    }
    if (itself) {
      ObjectNode both = Trees.object();
      both.set(ITSELF, Trees.object());
      return both.setAll(children);
    }
    return children;
  }

  static boolean isItself(JsonNode step) {
    return step.isEmpty() || step.has(ITSELF);
  }

  /// Whether a key of the tree is a step, not the mark that the step before is in the set.
  static boolean isStep(String key) {
    return !key.equals(ITSELF);
  }

  ObjectNode tree() {
    return tree;
  }

  boolean isEmpty() {
    return tree.isEmpty();
  }

  FieldSet union(FieldSet other) {
    if (isEmpty() || other.isEmpty()) {
      return isEmpty() ? other : this;
    }
    return of(union(tree, other.tree, false));
  }

  FieldSet difference(FieldSet other) {
    return isEmpty() || other.isEmpty() ? this : of(difference(tree, other.tree, false));
  }

  FieldSet intersection(FieldSet other) {
    return of(intersection(tree, other.tree, false));
  }

  /// The set without a field at the top and all below it.
  FieldSet without(String field) {
    String step = "f:" + field;
    if (!tree.has(step)) {
      return this;
    }
    ObjectNode rest = Trees.object();
    rest.setAll(tree);
    rest.remove(step);
    return of(rest);
  }

  /// Only one field at the top and what is below it.
  FieldSet only(String field) {
    JsonNode kept = tree.get("f:" + field);
    return kept == null ? EMPTY : of(Trees.object().set("f:" + field, kept));
  }

  private static @Nullable ObjectNode union(ObjectNode a, ObjectNode b, boolean itself) {
    ObjectNode children = Trees.object();
    a.properties()
        .forEach(step -> {
          if (isStep(step.getKey())) {
            ObjectNode one = (ObjectNode) step.getValue();
            ObjectNode other = (ObjectNode) b.get(step.getKey());
            children.set(
                step.getKey(),
                other == null ? one : union(one, other, isItself(one) || isItself(other)));
          }
        });
    b.properties()
        .forEach(step -> {
          if (isStep(step.getKey()) && !a.has(step.getKey())) {
            children.set(step.getKey(), step.getValue());
          }
        });
    return step(itself, children);
  }

  private static @Nullable ObjectNode difference(ObjectNode a, ObjectNode b, boolean itself) {
    ObjectNode children = Trees.object();
    a.properties()
        .forEach(step -> {
          if (isStep(step.getKey())) {
            ObjectNode one = (ObjectNode) step.getValue();
            ObjectNode other = (ObjectNode) b.get(step.getKey());
            put(
                children,
                step.getKey(),
                other == null ? one : difference(one, other, isItself(one) && !isItself(other)));
          }
        });
    return step(itself, children);
  }

  private static @Nullable ObjectNode intersection(ObjectNode a, ObjectNode b, boolean itself) {
    ObjectNode children = Trees.object();
    a.properties()
        .forEach(step -> {
          ObjectNode other = (ObjectNode) b.get(step.getKey());
          if (isStep(step.getKey()) && other != null) {
            ObjectNode one = (ObjectNode) step.getValue();
            put(
                children,
                step.getKey(),
                intersection(one, other, isItself(one) && isItself(other)));
          }
        });
    return step(itself, children);
  }

  static void put(ObjectNode children, String step, @Nullable ObjectNode child) {
    if (child != null) {
      children.set(step, child);
    }
  }

  /// With the steps of every level in order.
  FieldSet sorted() {
    return of(sorted(tree));
  }

  private static ObjectNode sorted(ObjectNode tree) {
    Map<String, JsonNode> steps = new TreeMap<>();
    tree.properties()
        .forEach(step -> steps.put(step.getKey(), sorted((ObjectNode) step.getValue())));
    return Trees.object().setAll(steps);
  }

  /// The fields by name: `.spec.containers[name="web"].image`.
  List<String> paths() {
    List<String> paths = new ArrayList<>();
    paths(tree, "", paths);
    return paths;
  }

  private static void paths(ObjectNode tree, String path, List<String> paths) {
    for (Map.Entry<String, JsonNode> step : tree.properties()) {
      if (isStep(step.getKey())) {
        String here = path + name(step.getKey());
        if (isItself(step.getValue())) {
          paths.add(here);
        }
        paths((ObjectNode) step.getValue(), here, paths);
      }
    }
  }

  private static String name(String step) {
    String what = step.substring(2);
    return switch (step.charAt(0)) {
      case 'f' -> "." + what;
      case 'k' -> {
        List<String> keys = new ArrayList<>();
        Trees.readObject(what)
            .properties()
            .forEach(key -> keys.add(key.getKey() + "=" + key.getValue()));
        yield "[" + String.join(",", keys) + "]";
      }
      case 'v' -> "[=" + what + "]";
      default -> "[" + what + "]";
    };
  }

  /// Whether a tree that a client sent is one.
  static boolean isWellFormed(JsonNode tree) {
    return isWellFormed(tree, 0);
  }

  private static boolean isWellFormed(JsonNode tree, int depth) {
    if (!(tree instanceof ObjectNode steps) || depth > DEEPEST) {
      return false;
    }
    for (Map.Entry<String, JsonNode> step : steps.properties()) {
      String key = step.getKey();
      boolean known =
          isStep(key)
              ? key.length() >= 2 && key.charAt(1) == ':' && "fkvi".indexOf(key.charAt(0)) >= 0
              : step.getValue().isEmpty();
      if (!known || !isWellFormed(step.getValue(), depth + 1)) {
        return false;
      }
      if (key.startsWith("k:") && !isObject(key.substring(2))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isObject(String json) {
    try {
      Trees.readObject(json);
      return true;
    } catch (StatusException e) {
      return false;
    }
  }
}
