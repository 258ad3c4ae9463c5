// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.CustomKinds;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.selector.LabelSelector;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.store.Entry;
import dev.fairway.store.Store;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The objects that a binding hands to its policy: `paramKind` and `paramRef`.
final class PolicyParameters {
  private final Store store;
  private final Followed<List<Kind>> custom;

  PolicyParameters(Store store) {
    this.store = store;
    this.custom =
        new Followed<>(store, "apiextensions.k8s.io", "CustomResourceDefinition", CustomKinds::of);
  }

  /// The parameters for a write; one null if the policy has none to be given.
  ///
  /// @param reference the `paramRef`, or null
  /// @throws IOException if there are none, but must be
  List<@Nullable ObjectNode> of(
      @Nullable JsonNode paramKind, @Nullable JsonNode reference, Admission admission)
      throws IOException {
    List<@Nullable ObjectNode> found = new ArrayList<>();
    if (paramKind == null || reference == null) {
      found.add(null);
      return found;
    }
    Kind kind = kind(paramKind);
    String namespace = "";
    if (kind.namespaced()) {
      String named = Trees.text(reference, "namespace");
      namespace = named.isEmpty() ? admission.namespace() : named;
      if (namespace.isEmpty()) {
        throw new IOException(
            "cannot use namespaced paramRef in policy binding that matches cluster-scoped"
                + " resources");
      }
    }
    String name = Trees.text(reference, "name");
    if (name.isEmpty()) {
      LabelSelector selector = LabelSelector.of(Trees.at(reference, "selector"));
      for (Entry entry : store.list(kind.keyPrefix(namespace), null, 0, 0).entries()) {
        ObjectNode object = StoredForm.tree(kind, entry);
        if (selector.matches(object)) {
          found.add(object);
        }
      }
    } else {
      Entry entry = store.get(kind.key(namespace, name));
      if (entry != null) {
        found.add(StoredForm.tree(kind, entry));
      }
    }
    if (found.isEmpty() && !Trees.text(reference, "parameterNotFoundAction").equals("Allow")) {
      throw new IOException(
          "no params found for policy binding with `Deny` parameterNotFoundAction");
    }
    return found;
  }

  private Kind kind(JsonNode paramKind) throws IOException {
    String apiVersion = Trees.text(paramKind, "apiVersion");
    String name = Trees.text(paramKind, "kind");
    int slash = apiVersion.indexOf('/');
    String group = slash < 0 ? "" : apiVersion.substring(0, slash);
    String version = apiVersion.substring(slash + 1);
    Kind builtin = Kinds.builtin().byKind(group, version, name);
    if (builtin != null && builtin.storable()) {
      return builtin;
    }
    for (List<Kind> kinds : custom.all()) {
      for (Kind kind : kinds) {
        if (kind.kind().equals(name) && kind.apiVersion().equals(apiVersion)) {
          return kind;
        }
      }
    }
    throw new IOException(
        "failed to find resource referenced by paramKind: '" + apiVersion + ", Kind=" + name + "'");
  }
}
