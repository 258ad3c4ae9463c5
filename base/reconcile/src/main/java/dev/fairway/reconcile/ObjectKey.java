// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import org.jspecify.annotations.Nullable;

/// Names one object among those of its kind.
///
/// @param namespace the namespace, empty for a cluster-scoped kind
/// @param name `metadata.name`
public record ObjectKey(String namespace, String name) implements Comparable<ObjectKey> {
  /// The key of an object that has a name.
  public static ObjectKey of(HasMetadata object) {
    String namespace = object.getMetadata().getNamespace();
    return new ObjectKey(namespace == null ? "" : namespace, object.getMetadata().getName());
  }

  /// The key of a cluster-scoped object.
  public static ObjectKey ofClusterScoped(String name) {
    return new ObjectKey("", name);
  }

  /// Objects are kept by these; what the compiler makes of a record is slower until it has been
  /// optimised, and a program that starts has no time for that.
  @Override
  public int hashCode() {
    return 31 * namespace.hashCode() + name.hashCode();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ObjectKey that
        && name.equals(that.name)
        && namespace.equals(that.namespace);
  }

  @Override
  public int compareTo(ObjectKey other) {
    int byNamespace = namespace.compareTo(other.namespace);
    return byNamespace != 0 ? byNamespace : name.compareTo(other.name);
  }

  @Override
  public String toString() {
    return namespace.isEmpty() ? name : namespace + "/" + name;
  }
}
