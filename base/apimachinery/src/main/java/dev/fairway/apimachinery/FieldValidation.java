// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import org.jspecify.annotations.Nullable;

/// What to do about unknown and duplicate fields: the `fieldValidation` query parameter.
public enum FieldValidation {
  STRICT,
  WARN,
  IGNORE;

  /// Absent and empty mean [#WARN].
  public static FieldValidation parse(@Nullable String query) {
    return switch (query == null ? "" : query) {
      case "", "Warn" -> WARN;
      case "Strict" -> STRICT;
      case "Ignore" -> IGNORE;
      default ->
          throw StatusException.badRequest(
              "fieldValidation: Unsupported value: \""
                  + query
                  + "\": supported values: \"Ignore\", \"Strict\", \"Warn\"");
    };
  }
}
