// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Trees;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Reads of other objects that rules need.
public interface Lookup {
  /// A built-in object, or null.
  @Nullable ObjectNode get(String group, String kind, String namespace, String name);

  /// All objects of a built-in kind, in all namespaces.
  List<ObjectNode> all(String group, String kind);

  /// All objects of a built-in kind in one namespace.
  default List<ObjectNode> in(String group, String kind, String namespace) {
    return all(group, kind).stream()
        .filter(object -> Trees.text(object, "metadata", "namespace").equals(namespace))
        .toList();
  }
}
