// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.patch;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// RFC 6902, with pointers of RFC 6901.
final class JsonPatch {
  private static final int MOST_OPERATIONS = 10_000;
  private static final int MOST_COPIED_BYTES = 3 << 20;
  private static final int DEEPEST_COPIED = 500;

  private JsonPatch() {}

  /// Changes and returns the tree, or throws [StatusException].
  static JsonNode apply(JsonNode tree, JsonNode patch) {
    if (!(patch instanceof ArrayNode operations)) {
      throw StatusException.badRequest("a JSON patch must be a list of operations");
    }
    if (operations.size() > MOST_OPERATIONS) {
      throw StatusException.tooLarge(
          "a JSON patch may have at most " + MOST_OPERATIONS + " operations");
    }
    JsonNode at = tree;
    long copied = 0;
    for (int i = 0; i < operations.size(); i++) {
      // A copy of a copy of a copy: a short patch could make an object of any size.
      if (Trees.text(operations.get(i), "op").equals("copy")) {
        copied += bytes(find(at, pointer(operations.get(i), "from", i), i), 0);
        if (copied > MOST_COPIED_BYTES) {
          throw StatusException.tooLarge(
              "a JSON patch may copy at most " + MOST_COPIED_BYTES + " bytes");
        }
      }
      at = operation(at, operations.get(i), i);
    }
    return at;
  }

  /// About what the value is long as JSON.
  private static long bytes(JsonNode value, int depth) {
    if (depth > DEEPEST_COPIED) {
      throw StatusException.tooLarge(
          "a JSON patch may copy values of at most " + DEEPEST_COPIED + " levels");
    }
    long sum = 2;
    switch (value) {
      case ObjectNode object -> {
        for (Map.Entry<String, JsonNode> field : object.properties()) {
          sum += field.getKey().length() + 4 + bytes(field.getValue(), depth + 1);
        }
      }
      case ArrayNode array -> {
        for (JsonNode element : array) {
          sum += 1 + bytes(element, depth + 1);
        }
      }
      default -> sum += value.isString() ? value.stringValue().length() : 4;
    }
    return sum;
  }

  private static JsonNode operation(JsonNode tree, JsonNode operation, int index) {
    String name = Trees.text(operation, "op");
    List<String> path = pointer(operation, "path", index);
    return switch (name) {
      case "add" -> add(tree, path, value(operation, index), index);
      case "remove" -> remove(tree, path, index);
      case "replace" -> {
        find(tree, path, index);
        JsonNode value = value(operation, index);
        yield path.isEmpty() ? value : set(tree, path, value, index);
      }
      case "move" -> {
        List<String> from = pointer(operation, "from", index);
        JsonNode moved = find(tree, from, index);
        if (path.size() > from.size() && path.subList(0, from.size()).equals(from)) {
          throw fail(index, "a value cannot be moved into itself");
        }
        yield add(remove(tree, from, index), path, moved, index);
      }
      case "copy" ->
          add(tree, path, find(tree, pointer(operation, "from", index), index).deepCopy(), index);
      case "test" -> {
        if (!same(find(tree, path, index), value(operation, index))) {
          throw StatusException.badRequest(
              "operation "
                  + index
                  + " of the JSON patch: testing value "
                  + Trees.text(operation, "path")
                  + " failed");
        }
        yield tree;
      }
      default -> throw fail(index, "unknown operation \"" + name + "\"");
    };
  }

  /// Numbers are equal by value, whatever their Java type.
  private static boolean same(JsonNode a, JsonNode b) {
    return a.equals(
        (x, y) ->
            x.isNumber() && y.isNumber()
                ? x.decimalValue().compareTo(y.decimalValue())
                : x.equals(y) ? 0 : 1,
        b);
  }

  private static JsonNode value(JsonNode operation, int index) {
    JsonNode value = operation.get("value");
    if (value == null) {
      throw fail(index, "the operation needs a value");
    }
    return value.deepCopy();
  }

  private static List<String> pointer(JsonNode operation, String field, int index) {
    JsonNode node = operation.get(field);
    if (node == null || !node.isString()) {
      throw fail(index, "the operation needs a \"" + field + "\"");
    }
    String text = node.stringValue();
    List<String> steps = new ArrayList<>();
    if (text.isEmpty()) {
      return steps;
    }
    if (text.charAt(0) != '/') {
      throw fail(index, "\"" + text + "\" is not a JSON pointer, it must begin with /");
    }
    for (String step : text.substring(1).split("/", -1)) {
      steps.add(step.replace("~1", "/").replace("~0", "~"));
    }
    return steps;
  }

  private static JsonNode find(JsonNode tree, List<String> path, int index) {
    JsonNode at = tree;
    for (String step : path) {
      JsonNode next =
          switch (at) {
            case ObjectNode object -> object.get(step);
            case ArrayNode array -> array.get(position(array, step, array.size() - 1, index));
            default -> null;
          };
      if (next == null) {
        throw fail(index, "there is nothing at /" + String.join("/", path));
      }
      at = next;
    }
    return at;
  }

  private static JsonNode add(JsonNode tree, List<String> path, JsonNode value, int index) {
    if (path.isEmpty()) {
      return value;
    }
    String last = path.getLast();
    switch (find(tree, path.subList(0, path.size() - 1), index)) {
      case ObjectNode object -> object.set(last, value);
      case ArrayNode array -> {
        int at = last.equals("-") ? array.size() : position(array, last, array.size(), index);
        array.insert(at, value);
      }
      default -> throw fail(index, "there is no object or list to add to");
    }
    return tree;
  }

  private static JsonNode set(JsonNode tree, List<String> path, JsonNode value, int index) {
    String last = path.getLast();
    switch (find(tree, path.subList(0, path.size() - 1), index)) {
      case ObjectNode object -> object.set(last, value);
      case ArrayNode array -> array.set(position(array, last, array.size() - 1, index), value);
      default -> throw fail(index, "there is nothing to replace");
    }
    return tree;
  }

  private static JsonNode remove(JsonNode tree, List<String> path, int index) {
    if (path.isEmpty()) {
      throw fail(index, "the whole object cannot be removed");
    }
    String last = path.getLast();
    @Nullable JsonNode removed =
        switch (find(tree, path.subList(0, path.size() - 1), index)) {
          case ObjectNode object -> object.remove(last);
          case ArrayNode array -> array.remove(position(array, last, array.size() - 1, index));
          default -> null;
        };
    if (removed == null) {
      throw fail(index, "there is nothing at /" + String.join("/", path));
    }
    return tree;
  }

  private static int position(ArrayNode array, String step, int largest, int index) {
    boolean digits = !step.isEmpty() && step.length() < 9;
    for (int i = 0; i < step.length(); i++) {
      digits &= step.charAt(i) >= '0' && step.charAt(i) <= '9';
    }
    int position = digits ? Integer.parseInt(step) : -1;
    if (position < 0 || position > largest || (step.length() > 1 && step.charAt(0) == '0')) {
      throw fail(
          index, "\"" + step + "\" is not a position in a list of " + array.size() + " elements");
    }
    return position;
  }

  private static StatusException fail(int index, String problem) {
    return StatusException.badRequest(
        "operation " + index + " of the JSON patch cannot be applied: " + problem);
  }
}
