// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.discovery;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.Subresource;
import dev.fairway.apimachinery.Trees;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Discovery documents of one set of kinds, as JSON. Each is made when first asked for and kept.
public final class Discovery {
  private final Kinds kinds;
  private final String serverAddress;
  private final ConcurrentMap<String, byte[]> made = new ConcurrentHashMap<>();

  /// @param serverAddress host and port that clients reach, such as `10.240.0.10:6443`
  public Discovery(Kinds kinds, String serverAddress) {
    this.kinds = kinds;
    this.serverAddress = serverAddress;
  }

  /// Answers `GET /api`.
  public byte[] api() {
    return document(
        "api",
        () -> {
          ObjectNode root = Trees.object().put("kind", "APIVersions");
          strings(root.putArray("versions"), kinds.versions(""));
          root.putArray("serverAddressByClientCIDRs")
              .addObject()
              .put("clientCIDR", "0.0.0.0/0")
              .put("serverAddress", serverAddress);
          return root;
        });
  }

  /// Answers `GET /apis`.
  public byte[] apis() {
    return document(
        "apis",
        () -> {
          ObjectNode root = Trees.object().put("kind", "APIGroupList").put("apiVersion", "v1");
          ArrayNode groups = root.putArray("groups");
          for (String group : kinds.groups()) {
            if (!group.isEmpty()) {
              describe(group, groups.addObject());
            }
          }
          return root;
        });
  }

  /// Answers `GET /apis/GROUP`; null if there is no such group.
  public byte @Nullable [] group(String group) {
    if (group.isEmpty() || kinds.versions(group).isEmpty()) {
      return null;
    }
    return document(
        "apis/" + group,
        () -> describe(group, Trees.object().put("kind", "APIGroup").put("apiVersion", "v1")));
  }

  /// Answers `GET /api/v1` and `GET /apis/GROUP/VERSION`; null if there is no such version.
  public byte @Nullable [] resources(String group, String version) {
    List<Kind> found = kinds.in(group, version);
    if (found.isEmpty()) {
      return null;
    }
    return document(
        group + "/" + version,
        () -> {
          ObjectNode root = Trees.object().put("kind", "APIResourceList");
          if (!group.isEmpty()) {
            root.put("apiVersion", "v1");
          }
          root.put("groupVersion", found.getFirst().apiVersion());
          ArrayNode resources = root.putArray("resources");
          for (Kind kind : found) {
            resource(kind, resources);
          }
          return root;
        });
  }

  /// Answers `GET /api` (core) or `/apis` when the client accepts aggregated discovery.
  ///
  /// @param version of apidiscovery.k8s.io: `v2` or `v2beta1`
  public byte[] aggregated(boolean core, String version) {
    return document(
        "aggregated/" + core + "/" + version,
        () -> {
          ObjectNode root =
              Trees.object()
                  .put("kind", "APIGroupDiscoveryList")
                  .put("apiVersion", "apidiscovery.k8s.io/" + version);
          root.putObject("metadata");
          ArrayNode items = root.putArray("items");
          for (String group : kinds.groups()) {
            if (group.isEmpty() == core) {
              aggregatedGroup(group, items.addObject());
            }
          }
          return root;
        });
  }

  private byte[] document(String name, Supplier<ObjectNode> maker) {
    return made.computeIfAbsent(name, n -> Trees.write(maker.get()));
  }

  private ObjectNode describe(String group, ObjectNode into) {
    into.put("name", group);
    ArrayNode versions = into.putArray("versions");
    for (String version : kinds.versions(group)) {
      versions.addObject().put("groupVersion", group + "/" + version).put("version", version);
    }
    String preferred = kinds.versions(group).getFirst();
    into.putObject("preferredVersion")
        .put("groupVersion", group + "/" + preferred)
        .put("version", preferred);
    return into;
  }

  private static void resource(Kind kind, ArrayNode resources) {
    ObjectNode resource = resources.addObject();
    resource
        .put("name", kind.plural())
        .put("singularName", kind.singular())
        .put("namespaced", kind.namespaced())
        .put("kind", kind.kind());
    strings(resource.putArray("verbs"), kind.verbs());
    if (!kind.shortNames().isEmpty()) {
      strings(resource.putArray("shortNames"), kind.shortNames());
    }
    if (!kind.categories().isEmpty()) {
      strings(resource.putArray("categories"), kind.categories());
    }
    for (Subresource sub : kind.subresources()) {
      ObjectNode entry = resources.addObject();
      entry
          .put("name", kind.plural() + "/" + sub.name())
          .put("singularName", "")
          .put("namespaced", kind.namespaced());
      if (!sub.group().isEmpty()) {
        entry.put("group", sub.group()).put("version", sub.version());
      }
      entry.put("kind", sub.kind().isEmpty() ? kind.kind() : sub.kind());
      strings(entry.putArray("verbs"), sub.verbs());
    }
  }

  private void aggregatedGroup(String group, ObjectNode item) {
    ObjectNode metadata = item.putObject("metadata");
    if (!group.isEmpty()) {
      metadata.put("name", group);
    }
    metadata.putNull("creationTimestamp");
    ArrayNode versions = item.putArray("versions");
    for (String version : kinds.versions(group)) {
      ObjectNode entry = versions.addObject().put("version", version);
      ArrayNode resources = entry.putArray("resources");
      for (Kind kind : kinds.in(group, version)) {
        aggregatedResource(kind, resources.addObject());
      }
      entry.put("freshness", "Current");
    }
  }

  private static void aggregatedResource(Kind kind, ObjectNode resource) {
    resource.put("resource", kind.plural());
    responseKind(resource, kind.group(), kind.version(), kind.kind());
    resource
        .put("scope", kind.namespaced() ? "Namespaced" : "Cluster")
        .put("singularResource", kind.singular());
    strings(resource.putArray("verbs"), kind.verbs());
    if (!kind.shortNames().isEmpty()) {
      strings(resource.putArray("shortNames"), kind.shortNames());
    }
    if (!kind.categories().isEmpty()) {
      strings(resource.putArray("categories"), kind.categories());
    }
    if (kind.subresources().isEmpty()) {
      return;
    }
    ArrayNode subresources = resource.putArray("subresources");
    for (Subresource sub : kind.subresources()) {
      ObjectNode entry = subresources.addObject().put("subresource", sub.name());
      if (sub.kind().isEmpty()) {
        responseKind(entry, kind.group(), kind.version(), kind.kind());
      } else {
        responseKind(entry, sub.group(), sub.version(), sub.kind());
      }
      strings(entry.putArray("verbs"), sub.verbs());
    }
  }

  private static void responseKind(ObjectNode into, String group, String version, String kind) {
    into.putObject("responseKind").put("group", group).put("version", version).put("kind", kind);
  }

  private static void strings(ArrayNode array, List<String> texts) {
    for (String text : texts) {
      array.add(text);
    }
  }
}
