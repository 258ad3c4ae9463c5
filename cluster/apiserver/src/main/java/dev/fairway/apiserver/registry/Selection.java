// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.selector.FieldSelector;
import dev.fairway.apimachinery.selector.LabelSelector;
import dev.fairway.apiserver.http.Query;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// Which objects of a kind are wanted.
///
/// @param namespace empty for all
public record Selection(Kind kind, String namespace, LabelSelector labels, FieldSelector fields) {

  /// Reads `labelSelector` and `fieldSelector`.
  public static Selection of(Kind kind, String namespace, Query query) {
    return new Selection(
        kind,
        namespace,
        query.get("labelSelector").map(LabelSelector::parse).orElse(LabelSelector.everything()),
        FieldSelector.parse(kind, query.get("fieldSelector").orElse("")));
  }

  /// The same kind and namespace, and only the object of this name.
  public Selection named(String name) {
    return new Selection(
        kind, namespace, labels, FieldSelector.parse(kind, "metadata.name=" + name));
  }

  public boolean isEverything() {
    return labels.isEverything() && fields.isEverything();
  }

  public boolean matches(JsonNode object) {
    return labels.matches(object) && fields.matches(object);
  }

  /// Where to look: all keys with this prefix, a single object's key if only one can match.
  public String prefix() {
    Optional<String> name = fields.exact("metadata.name");
    boolean one =
        name.isPresent()
            && !name.get().contains("/")
            && (!kind.namespaced() || !namespace.isEmpty());
    return one ? kind.key(namespace, name.orElseThrow()) : kind.keyPrefix(namespace);
  }
}
