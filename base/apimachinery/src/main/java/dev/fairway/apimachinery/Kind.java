// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A kind of object the API serves.
///
/// @param group empty for core
/// @param storagePrefix where its objects are stored, as upstream lays them out:
///   `/registry/minions` for nodes; empty if they are not stored
/// @param definition the schema's name, empty for custom kinds
/// @param custom what a CustomResourceDefinition says, null for built-in kinds
public record Kind(
    String group,
    String version,
    String kind,
    String plural,
    String singular,
    List<String> shortNames,
    List<String> categories,
    boolean namespaced,
    List<String> verbs,
    List<Subresource> subresources,
    String storagePrefix,
    String listKind,
    String definition,
    @Nullable Custom custom) {

  /// The parts of a CustomResourceDefinition that objects need.
  ///
  /// @param version the entry of `spec.versions`
  public record Custom(Schema.Struct schema, ObjectNode version) {}

  public Kind {
    shortNames = List.copyOf(shortNames);
    categories = List.copyOf(categories);
    verbs = List.copyOf(verbs);
    subresources = List.copyOf(subresources);
  }

  /// `v1` or `apps/v1`.
  public String apiVersion() {
    return group.isEmpty() ? version : group + "/" + version;
  }

  /// `pods` or `deployments.apps`, as errors name a resource.
  public String groupResource() {
    return group.isEmpty() ? plural : plural + "." + group;
  }

  public boolean hasVerb(String verb) {
    return verbs.contains(verb);
  }

  /// False for kinds that are answered on the spot, such as reviews.
  public boolean storable() {
    return !storagePrefix.isEmpty();
  }

  public @Nullable Subresource subresource(String name) {
    for (Subresource subresource : subresources) {
      if (subresource.name().equals(name)) {
        return subresource;
      }
    }
    return null;
  }

  /// Where the object is stored, such as `/registry/pods/default/web`.
  public String key(@Nullable String namespace, String name) {
    return keyPrefix(namespace) + name;
  }

  /// Where all objects (of a namespace, if it is not null) are stored; ends in `/`.
  public String keyPrefix(@Nullable String namespace) {
    return namespaced && namespace != null && !namespace.isEmpty()
        ? storagePrefix + "/" + namespace + "/"
        : storagePrefix + "/";
  }

  /// The schema of the whole object.
  public Schema.Struct schema() {
    if (custom != null) {
      return custom.schema();
    }
    Schema.Struct struct = Schemas.builtin().definition(definition);
    if (struct == null) {
      throw new IllegalStateException("no definition named " + definition);
    }
    return struct;
  }

  /// True for a built-in kind of this group and name, in any version.
  public boolean is(String wantedGroup, String wantedKind) {
    return custom == null && kind.equals(wantedKind) && group.equals(wantedGroup);
  }
}
