// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.Collection;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// One thing that is wrong with one field. Messages read as upstream's.
///
/// @param field the path, such as `spec.containers[0].name`
/// @param badValue the value found; null if there is none to show
public record FieldError(Type type, String field, @Nullable Object badValue, String detail) {
  public enum Type {
    REQUIRED("FieldValueRequired", "Required value"),
    INVALID("FieldValueInvalid", "Invalid value"),
    NOT_SUPPORTED("FieldValueNotSupported", "Unsupported value"),
    DUPLICATE("FieldValueDuplicate", "Duplicate value"),
    FORBIDDEN("FieldValueForbidden", "Forbidden"),
    NOT_FOUND("FieldValueNotFound", "Not found"),
    TOO_LONG("FieldValueTooLong", "Too long"),
    TOO_MANY("FieldValueTooMany", "Too many"),
    TYPE_INVALID("FieldValueTypeInvalid", "Invalid value"),
    INTERNAL("InternalError", "Internal error");

    private final String reason;
    private final String words;

    Type(String reason, String words) {
      this.reason = reason;
      this.words = words;
    }
  }

  public static FieldError required(String field, String detail) {
    return new FieldError(Type.REQUIRED, field, null, detail);
  }

  public static FieldError invalid(String field, @Nullable Object value, String detail) {
    return new FieldError(Type.INVALID, field, value == null ? "null" : value, detail);
  }

  public static FieldError notSupported(String field, Object value, Collection<String> supported) {
    StringBuilder detail = new StringBuilder("supported values: ");
    String separator = "";
    for (String word : supported) {
      detail.append(separator).append('"').append(word).append('"');
      separator = ", ";
    }
    return new FieldError(Type.NOT_SUPPORTED, field, value, detail.toString());
  }

  public static FieldError duplicate(String field, Object value) {
    return new FieldError(Type.DUPLICATE, field, value, "");
  }

  public static FieldError forbidden(String field, String detail) {
    return new FieldError(Type.FORBIDDEN, field, null, detail);
  }

  public static FieldError notFound(String field, Object value) {
    return new FieldError(Type.NOT_FOUND, field, value, "");
  }

  public static FieldError tooLong(String field, int maximumBytes) {
    return new FieldError(
        Type.TOO_LONG, field, null, "may not be more than " + maximumBytes + " bytes");
  }

  public static FieldError tooMany(String field, int found, int maximum) {
    return new FieldError(Type.TOO_MANY, field, found, "must have at most " + maximum + " items");
  }

  /// The machine-readable reason of a Status cause.
  public String reason() {
    return type.reason;
  }

  /// What is wrong, without the field.
  public String message() {
    StringBuilder text = new StringBuilder(type.words);
    if (badValue != null) {
      text.append(": ").append(shown(badValue));
    }
    if (!detail.isEmpty()) {
      text.append(": ").append(detail);
    }
    return text.toString();
  }

  @Override
  public String toString() {
    return field.isEmpty() ? message() : field + ": " + message();
  }

  private static String shown(Object value) {
    String text =
        switch (value) {
          case String string -> "\"" + string + "\"";
          case JsonNode node -> node.toString();
          default -> value.toString();
        };
    // An answer must not grow with the input.
    return text.length() > 512 ? text.substring(0, 512) + "..." : text;
  }
}
