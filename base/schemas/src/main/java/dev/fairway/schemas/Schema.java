// SPDX-License-Identifier: Apache-2.0
package dev.fairway.schemas;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The shape of a JSON value in a Kubernetes object.
public sealed interface Schema {

  /// A string, number, boolean, or one of the two mixed types of the API.
  ///
  /// @param format `byte`, `date-time`, `micro-time`, `int32`, `int64`, `double`, or empty
  /// @param values the values allowed, empty if any
  record Scalar(Type type, String format, List<String> values) implements Schema {
    public Scalar {
      values = List.copyOf(values);
    }
  }

  /// Any JSON value, kept as it is.
  record Any() implements Schema {}

  record ListOf(Schema items) implements Schema {}

  record MapOf(Schema values) implements Schema {}

  /// A definition by name, to be looked up in [Schemas].
  record Reference(String definition) implements Schema {}

  /// An object with known fields.
  ///
  /// @param name the definition's name, empty for an inline object
  /// @param keepsUnknown true if fields without a schema are kept
  /// @param atomic true if it has one owner as a whole, `x-kubernetes-map-type: atomic`
  record Struct(String name, Map<String, Field> fields, boolean keepsUnknown, boolean atomic)
      implements Schema {
    public Struct(String name, Map<String, Field> fields, boolean keepsUnknown) {
      this(name, fields, keepsUnknown, false);
    }

    public @Nullable Field field(String field) {
      return fields.get(field);
    }
  }

  /// One field of a [Struct].
  record Field(String name, Schema schema, boolean required, Merge merge) {}

  /// How lists and maps of two writers meet.
  ///
  /// @param merge strategic merge patch merges the elements instead of replacing the list
  /// @param retainKeys a patch names all the fields to keep
  /// @param key the element's field that tells elements apart in a strategic merge patch; empty for
  ///   scalars
  /// @param listType `atomic`, `set`, `map`, or empty, as in `x-kubernetes-list-type`
  /// @param listKeys as in `x-kubernetes-list-map-keys`
  /// @param atomicMap true for `x-kubernetes-map-type: atomic`
  record Merge(
      boolean merge,
      boolean retainKeys,
      String key,
      String listType,
      List<String> listKeys,
      boolean atomicMap) {
    public static final Merge NONE = new Merge(false, false, "", "", List.of(), false);

    public Merge {
      listKeys = List.copyOf(listKeys);
    }
  }

  enum Type {
    STRING,
    INTEGER,
    NUMBER,
    BOOLEAN,
    INT_OR_STRING,
    QUANTITY
  }
}
