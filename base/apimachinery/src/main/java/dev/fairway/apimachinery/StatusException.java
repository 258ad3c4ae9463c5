// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A request that failed, with the v1 Status to answer. Reasons, codes and texts are upstream's.
public final class StatusException extends RuntimeException {
  private final int code;
  private final String reason;
  private final @Nullable ObjectNode details;

  private StatusException(int code, String reason, String message, @Nullable ObjectNode details) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /// The HTTP status code.
  public int code() {
    return code;
  }

  public String reason() {
    return reason;
  }

  /// A whole v1 Status, made anew at each call.
  public ObjectNode status() {
    ObjectNode status = Trees.object();
    status.put("kind", "Status").put("apiVersion", "v1").putObject("metadata");
    status.put("status", "Failure").put("message", getMessage());
    if (!reason.isEmpty()) {
      status.put("reason", reason);
    }
    if (details != null) {
      status.set("details", details.deepCopy());
    }
    return status.put("code", code);
  }

  /// The Status that answers a successful delete.
  public static ObjectNode success(@Nullable Kind kind, String name, String uid) {
    ObjectNode status = Trees.object();
    status.put("kind", "Status").put("apiVersion", "v1").putObject("metadata");
    status.put("status", "Success");
    if (kind != null) {
      ObjectNode details = details(kind, name);
      if (!uid.isEmpty()) {
        details.put("uid", uid);
      }
      status.set("details", details);
    }
    return status;
  }

  public static StatusException badRequest(String message) {
    return new StatusException(400, "BadRequest", message, null);
  }

  public static StatusException unauthorized() {
    return new StatusException(401, "Unauthorized", "Unauthorized", null);
  }

  public static StatusException forbidden(String message) {
    return new StatusException(403, "Forbidden", message, null);
  }

  public static StatusException forbidden(Kind kind, String name, String message) {
    String subject = name.isEmpty() ? "" : " \"" + name + "\"";
    return new StatusException(
        403,
        "Forbidden",
        kind.groupResource() + subject + " is forbidden: " + message,
        details(kind, name));
  }

  /// Somebody asked outside has said no, with a Status or without.
  ///
  /// @param given its code, reason, details and message are kept; null for none
  public static StatusException denied(String who, @Nullable JsonNode given) {
    long code = Trees.number(given, 400, "code");
    String reason = Trees.text(given, "reason");
    String message = Trees.text(given, "message");
    String why = message.isEmpty() ? reason : message;
    ObjectNode details = Trees.objectAt(given, "details");
    return new StatusException(
        code < 400 || code > 599 ? 400 : (int) code,
        reason,
        why.isEmpty() ? who + " without explanation" : who + ": " + why,
        details == null ? null : Trees.copy(details));
  }

  /// A rule that somebody wrote has said no.
  ///
  /// @param reason of a Status; empty for `Invalid`
  public static StatusException refused(Kind kind, String name, String reason, String message) {
    String why = reason.isEmpty() ? "Invalid" : reason;
    int code =
        switch (why) {
          case "Unauthorized" -> 401;
          case "Forbidden" -> 403;
          case "RequestEntityTooLarge" -> 413;
          default -> 422;
        };
    ObjectNode details = details(kind, name);
    details.putArray("causes").addObject().put("message", message);
    String subject = name.isEmpty() ? "" : " \"" + name + "\"";
    return new StatusException(
        code, why, kind.groupResource() + subject + " is forbidden: " + message, details);
  }

  public static StatusException notFound(Kind kind, String name) {
    return new StatusException(
        404, "NotFound", kind.groupResource() + " \"" + name + "\" not found", details(kind, name));
  }

  public static StatusException notFoundPath() {
    return new StatusException(
        404, "NotFound", "the server could not find the requested resource", Trees.object());
  }

  public static StatusException methodNotAllowed(Kind kind, String verb) {
    return new StatusException(
        405,
        "MethodNotAllowed",
        verb + " is not supported on resources of kind \"" + kind.groupResource() + "\"",
        details(kind, ""));
  }

  public static StatusException notAcceptable(String accepted) {
    return new StatusException(
        406, "NotAcceptable", "only the following media types are accepted: " + accepted, null);
  }

  public static StatusException alreadyExists(Kind kind, String name) {
    return new StatusException(
        409,
        "AlreadyExists",
        kind.groupResource() + " \"" + name + "\" already exists",
        details(kind, name));
  }

  public static StatusException conflict(Kind kind, String name, String message) {
    return new StatusException(
        409,
        "Conflict",
        "Operation cannot be fulfilled on "
            + kind.groupResource()
            + " \""
            + name
            + "\": "
            + message,
        details(kind, name));
  }

  /// A server-side apply to fields that others own.
  ///
  /// @param causes one StatusCause for each field
  public static StatusException applyConflict(String message, ArrayNode causes) {
    ObjectNode details = Trees.object();
    details.set("causes", causes);
    return new StatusException(409, "Conflict", message, details);
  }

  /// A resource version that is too old to list or watch from.
  public static StatusException expired(String message) {
    return new StatusException(410, "Expired", message, null);
  }

  public static StatusException tooLarge(String message) {
    return new StatusException(413, "RequestEntityTooLarge", message, null);
  }

  public static StatusException unsupportedMediaType(String message) {
    return new StatusException(415, "UnsupportedMediaType", message, null);
  }

  public static StatusException invalid(Kind kind, String name, List<FieldError> errors) {
    ObjectNode details = Trees.object();
    if (!name.isEmpty()) {
      details.put("name", name);
    }
    if (!kind.group().isEmpty()) {
      details.put("group", kind.group());
    }
    details.put("kind", kind.kind());
    ArrayNode causes = details.putArray("causes");
    StringBuilder text = new StringBuilder();
    for (FieldError error : errors) {
      text.append(text.isEmpty() ? "" : ", ").append(error);
      causes
          .addObject()
          .put("reason", error.reason())
          .put("message", error.message())
          .put("field", error.field());
    }
    String all = errors.size() == 1 ? text.toString() : "[" + text + "]";
    String groupKind = kind.group().isEmpty() ? kind.kind() : kind.kind() + "." + kind.group();
    return new StatusException(
        422, "Invalid", groupKind + " \"" + name + "\" is invalid: " + all, details);
  }

  /// Options of a write that cannot be.
  public static StatusException invalidOptions(FieldError error) {
    ObjectNode details = Trees.object().put("group", "meta.k8s.io").put("kind", "PatchOptions");
    details
        .putArray("causes")
        .addObject()
        .put("reason", error.reason())
        .put("message", error.message())
        .put("field", error.field());
    return new StatusException(
        422, "Invalid", "PatchOptions.meta.k8s.io \"\" is invalid: " + error, details);
  }

  public static StatusException tooManyRequests(String message, int retryAfterSeconds) {
    return new StatusException(
        429,
        "TooManyRequests",
        message,
        Trees.object().put("retryAfterSeconds", retryAfterSeconds));
  }

  public static StatusException internal(String message) {
    return new StatusException(500, "InternalError", "Internal error occurred: " + message, null);
  }

  public static StatusException unavailable(String message) {
    return new StatusException(503, "ServiceUnavailable", message, null);
  }

  public static StatusException timeout(String message) {
    return new StatusException(504, "Timeout", message, null);
  }

  private static ObjectNode details(Kind kind, String name) {
    ObjectNode details = Trees.object();
    if (!name.isEmpty()) {
      details.put("name", name);
    }
    if (!kind.group().isEmpty()) {
      details.put("group", kind.group());
    }
    return details.put("kind", kind.plural());
  }
}
