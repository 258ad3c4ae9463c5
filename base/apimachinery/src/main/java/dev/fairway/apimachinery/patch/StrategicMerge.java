// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.patch;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Strategic merge patch: like a merge patch, but lists whose elements have a key are merged
/// element by element, and directives say the rest:
///
/// - `$patch: replace | delete | merge` in an object or a list element,
/// - `$retainKeys: [..]` drops all other fields of an object,
/// - `$deleteFromPrimitiveList/FIELD: [..]` removes values from a list of values,
/// - `$setElementOrder/FIELD: [..]` gives the order of a merged list.
///
/// The schema says which lists merge by which key. Source: the Kubernetes community's document on
/// strategic merge patches.
final class StrategicMerge {
  private static final String DIRECTIVE = "$patch";
  private static final String RETAIN = "$retainKeys";
  private static final String DELETE_VALUES = "$deleteFromPrimitiveList/";
  private static final String ORDER = "$setElementOrder/";

  private StrategicMerge() {}

  /// Changes and returns the target.
  static ObjectNode apply(Schema.Struct schema, ObjectNode target, ObjectNode patch) {
    return object(schema, target, patch);
  }

  private static ObjectNode object(@Nullable Schema schema, ObjectNode target, ObjectNode patch) {
    switch (Trees.text(patch, DIRECTIVE)) {
      case "replace" -> {
        return clean(patch);
      }
      case "delete" -> {
        return Trees.object();
      }
      case "", "merge" -> {}
      default ->
          throw StatusException.badRequest(
              "unknown $patch directive \"" + Trees.text(patch, DIRECTIVE) + "\"");
    }
    retain(target, patch);
    for (Map.Entry<String, JsonNode> entry : patch.properties()) {
      String name = entry.getKey();
      if (name.startsWith("$")
          && (name.equals(DIRECTIVE)
              || name.equals(RETAIN)
              || name.startsWith(DELETE_VALUES)
              || name.startsWith(ORDER))) {
        continue;
      }
      field(schema, target, patch, name, entry.getValue());
    }
    lists(schema, target, patch);
    return target;
  }

  private static void retain(ObjectNode target, ObjectNode patch) {
    if (patch.get(RETAIN) instanceof ArrayNode keep) {
      List<String> names = new ArrayList<>();
      keep.forEach(name -> names.add(name.asString()));
      target.retain(names);
    }
  }

  private static void field(
      @Nullable Schema schema, ObjectNode target, ObjectNode patch, String name, JsonNode value) {
    if (value.isNull()) {
      target.remove(name);
      return;
    }
    Schema.@Nullable Field field = fieldOf(schema, name);
    Schema inner = field == null ? valuesOf(schema) : field.schema();
    if (value instanceof ObjectNode object) {
      boolean delete = Trees.text(object, DIRECTIVE).equals("delete");
      if (delete) {
        target.remove(name);
        return;
      }
      ObjectNode into = target.get(name) instanceof ObjectNode o ? o : Trees.object();
      target.set(name, object(inner == null ? null : resolved(inner), into, object));
    } else if (value instanceof ArrayNode array && field != null && field.merge().merge()) {
      ArrayNode into = target.get(name) instanceof ArrayNode a ? a : Trees.array();
      ArrayNode order = patch.get(ORDER + name) instanceof ArrayNode o ? o : null;
      target.set(name, list(field, into, array, order));
    } else if (value instanceof ArrayNode array) {
      target.set(name, cleanList(array));
    } else {
      target.set(name, value.deepCopy());
    }
  }

  /// Directives for lists that the patch does not carry itself.
  private static void lists(@Nullable Schema schema, ObjectNode target, ObjectNode patch) {
    for (Map.Entry<String, JsonNode> entry : patch.properties()) {
      String name = entry.getKey();
      if (!(entry.getValue() instanceof ArrayNode values)) {
        continue;
      }
      if (name.startsWith(DELETE_VALUES)
          && target.get(name.substring(DELETE_VALUES.length())) instanceof ArrayNode list) {
        for (int i = list.size() - 1; i >= 0; i--) {
          if (contains(values, list.get(i)) && !carries(patch, name, list.get(i))) {
            list.remove(i);
          }
        }
      } else if (name.startsWith(ORDER)
          && target.get(name.substring(ORDER.length())) instanceof ArrayNode list) {
        Schema.@Nullable Field field = fieldOf(schema, name.substring(ORDER.length()));
        if (field != null && field.merge().merge()) {
          order(list, values, field.merge().key());
        }
      }
    }
  }

  private static boolean carries(ObjectNode patch, String directive, JsonNode value) {
    return patch.get(directive.substring(DELETE_VALUES.length())) instanceof ArrayNode added
        && contains(added, value);
  }

  private static ArrayNode list(
      Schema.Field field, ArrayNode target, ArrayNode patch, @Nullable ArrayNode order) {
    String key = field.merge().key();
    if (key.isEmpty()) {
      for (JsonNode value : patch) {
        if (!contains(target, value)) {
          target.add(value.deepCopy());
        }
      }
      return target;
    }
    for (JsonNode element : patch) {
      if (element instanceof ObjectNode object
          && Trees.text(object, DIRECTIVE).equals("replace")
          && object.get(key) == null) {
        return withoutDirectives(patch);
      }
    }
    Schema items =
        resolved(field.schema() instanceof Schema.ListOf(Schema of) ? of : field.schema());
    for (JsonNode element : patch) {
      if (!(element instanceof ObjectNode object)) {
        throw StatusException.badRequest(
            "the elements of " + field.name() + " must be objects to be merged");
      }
      element(field, items, target, object);
    }
    if (order != null) {
      order(target, order, key);
    }
    return target;
  }

  private static void element(
      Schema.Field field, Schema items, ArrayNode target, ObjectNode element) {
    String key = field.merge().key();
    JsonNode id = element.get(key);
    if (id == null) {
      throw StatusException.badRequest(
          "an element of " + field.name() + " has no " + key + ", which tells elements apart");
    }
    int at = position(target, key, id);
    switch (Trees.text(element, DIRECTIVE)) {
      case "delete" -> {
        for (; at >= 0; at = position(target, key, id)) {
          target.remove(at);
        }
      }
      case "replace" -> {
        if (at >= 0) {
          target.set(at, clean(element));
        } else {
          target.add(clean(element));
        }
      }
      default -> {
        if (at >= 0 && target.get(at) instanceof ObjectNode into) {
          target.set(at, object(items, into, element));
        } else {
          target.add(object(items, Trees.object(), element));
        }
      }
    }
  }

  /// Sorts a merged list: elements named in the order take its order; each of the others stays
  /// behind the element it followed before.
  private static void order(ArrayNode list, ArrayNode order, String key) {
    List<JsonNode> named = new ArrayList<>();
    for (JsonNode wanted : order) {
      JsonNode id = key.isEmpty() ? wanted : wanted.get(key);
      for (JsonNode element : list) {
        JsonNode found = key.isEmpty() ? element : element.get(key);
        if (id != null && found != null && found.equals(id)) {
          named.add(element);
          break;
        }
      }
    }
    List<JsonNode> result = new ArrayList<>(named);
    int after = 0;
    for (JsonNode element : list) {
      int at = indexOf(result, element);
      if (at >= 0) {
        after = at + 1;
      } else {
        result.add(after++, element);
      }
    }
    list.removeAll();
    list.addAll(result);
  }

  private static int indexOf(List<JsonNode> list, JsonNode element) {
    for (int i = 0; i < list.size(); i++) {
      if (list.get(i).equals(element)) {
        return i;
      }
    }
    return -1;
  }

  private static int position(ArrayNode list, String key, JsonNode id) {
    for (int i = 0; i < list.size(); i++) {
      JsonNode found = list.get(i).get(key);
      if (found != null && found.equals(id)) {
        return i;
      }
    }
    return -1;
  }

  private static boolean contains(ArrayNode list, JsonNode value) {
    for (JsonNode element : list) {
      if (element.equals(value)) {
        return true;
      }
    }
    return false;
  }

  private static Schema.@Nullable Field fieldOf(@Nullable Schema schema, String name) {
    return schema != null && resolved(schema) instanceof Schema.Struct struct
        ? struct.field(name)
        : null;
  }

  private static @Nullable Schema valuesOf(@Nullable Schema schema) {
    return schema instanceof Schema.MapOf(Schema values) ? values : null;
  }

  private static Schema resolved(Schema schema) {
    return Schemas.builtin().resolve(schema);
  }

  /// A copy without directives and nulls, which mean nothing in new content.
  private static ObjectNode clean(ObjectNode patch) {
    ObjectNode copy = Trees.object();
    for (Map.Entry<String, JsonNode> entry : patch.properties()) {
      String name = entry.getKey();
      JsonNode value = entry.getValue();
      if (value.isNull()
          || name.equals(DIRECTIVE)
          || name.equals(RETAIN)
          || name.startsWith(DELETE_VALUES)
          || name.startsWith(ORDER)) {
        continue;
      }
      copy.set(
          name,
          switch (value) {
            case ObjectNode object -> clean(object);
            case ArrayNode array -> cleanList(array);
            default -> value;
          });
    }
    return copy;
  }

  private static ArrayNode cleanList(ArrayNode list) {
    ArrayNode copy = Trees.array();
    for (JsonNode element : list) {
      copy.add(element instanceof ObjectNode object ? clean(object) : element.deepCopy());
    }
    return copy;
  }

  /// The elements of a list that replaces the old one; the element that only says so is left out.
  private static ArrayNode withoutDirectives(ArrayNode list) {
    ArrayNode copy = Trees.array();
    for (JsonNode element : list) {
      boolean only = element.size() == 1 && element.get(DIRECTIVE) != null;
      if (!only) {
        copy.add(element instanceof ObjectNode object ? clean(object) : element.deepCopy());
      }
    }
    return copy;
  }
}
