// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.admission.Admission.Operation;
import dev.fairway.apiserver.auth.Identity;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The question to a webhook and its answer: AdmissionReview of admission.k8s.io/v1.
final class AdmissionReview {
  private static final String VERSION = "admission.k8s.io/v1";
  private static final String KIND = "AdmissionReview";

  private AdmissionReview() {}

  /// A webhook's answer.
  ///
  /// @param patch a JSON patch, or null
  /// @param status why not, if it is not allowed
  @SuppressWarnings("ArrayRecordComponent") // read once; nobody changes it
  record Verdict(
      boolean allowed, byte @Nullable [] patch, List<String> warnings, @Nullable JsonNode status) {
    StatusException denial(String webhook) {
      return StatusException.denied(
          "admission webhook \"" + webhook + "\" denied the request", status);
    }
  }

  /// The `request` part, without a uid; also what policies see as `request`.
  static ObjectNode request(Admission admission, String version) {
    Kind kind = admission.kind();
    ObjectNode request = Trees.object();
    request.put("uid", UUID.randomUUID().toString());
    groupVersion(request.putObject("kind"), kind, version).put("kind", kind.kind());
    groupVersion(request.putObject("resource"), kind, version).put("resource", kind.plural());
    if (!admission.subresource().isEmpty()) {
      request.put("subResource", admission.subresource());
    }
    groupVersion(request.putObject("requestKind"), kind, kind.version()).put("kind", kind.kind());
    groupVersion(request.putObject("requestResource"), kind, kind.version())
        .put("resource", kind.plural());
    if (!admission.subresource().isEmpty()) {
      request.put("requestSubResource", admission.subresource());
    }
    if (!admission.name().isEmpty()) {
      request.put("name", admission.name());
    }
    String namespace =
        kind.is("", "Namespace") && admission.operation() != Operation.CREATE
            ? admission.name()
            : admission.namespace();
    if (!namespace.isEmpty()) {
      request.put("namespace", namespace);
    }
    request.put("operation", admission.operation().name());
    user(request.putObject("userInfo"), admission.identity());
    return request;
  }

  static ObjectNode question(Admission admission, String version) {
    ObjectNode review = Trees.object();
    review.put("kind", KIND).put("apiVersion", VERSION);
    ObjectNode request = request(admission, version);
    review.set("request", request);
    ObjectNode old = admission.old();
    if (admission.operation() == Operation.DELETE) {
      request.putNull("object");
    } else {
      request.set("object", in(admission.kind(), version, admission.object()));
    }
    if (old == null) {
      request.putNull("oldObject");
    } else {
      request.set("oldObject", in(admission.kind(), version, old));
    }
    request.put("dryRun", admission.dryRun());
    ObjectNode options = request.putObject("options");
    String operation = admission.operation().name();
    options
        .put(
            "kind",
            operation.charAt(0)
                + operation.substring(1).toLowerCase(java.util.Locale.ROOT)
                + "Options")
        .put("apiVersion", "meta.k8s.io/v1");
    if (admission.dryRun()) {
      options.putArray("dryRun").add("All");
    }
    return review;
  }

  /// The same object in another version; versions of one kind differ in their names only.
  private static ObjectNode in(Kind kind, String version, ObjectNode object) {
    if (version.equals(kind.version())) {
      return object;
    }
    return Trees.copy(object).put("apiVersion", kind.group() + "/" + version);
  }

  private static ObjectNode groupVersion(ObjectNode into, Kind kind, String version) {
    return into.put("group", kind.group()).put("version", version);
  }

  private static void user(ObjectNode into, Identity identity) {
    into.put("username", identity.user());
    if (!identity.uid().isEmpty()) {
      into.put("uid", identity.uid());
    }
    ArrayNode groups = into.putArray("groups");
    identity.groups().forEach(groups::add);
    if (!identity.extra().isEmpty()) {
      ObjectNode extra = into.putObject("extra");
      identity.extra().forEach((name, values) -> values.forEach(extra.withArray(name)::add));
    }
  }

  /// @throws IOException if this is no answer to that question; says why
  static Verdict answer(byte[] body, String uid, boolean mayPatch) throws IOException {
    JsonNode review;
    try {
      review = Trees.read(body);
    } catch (StatusException e) {
      throw new IOException(e.getMessage(), e);
    }
    String version = Trees.text(review, "apiVersion");
    if (!version.equals(VERSION) || !Trees.text(review, "kind").equals(KIND)) {
      throw new IOException(
          "expected webhook response of "
              + VERSION
              + ", Kind="
              + KIND
              + ", got "
              + version
              + ", Kind="
              + Trees.text(review, "kind"));
    }
    JsonNode response = Trees.at(review, "response");
    if (response == null) {
      throw new IOException("webhook response was absent");
    }
    if (!Trees.text(response, "uid").equals(uid)) {
      throw new IOException(
          "expected response.uid=\"" + uid + "\", got \"" + Trees.text(response, "uid") + "\"");
    }
    List<String> warnings = new ArrayList<>();
    Trees.items(response, "warnings").forEach(warning -> warnings.add(warning.asString()));
    return new Verdict(
        Trees.flag(response, "allowed"),
        patch(response, mayPatch),
        warnings,
        Trees.at(response, "status"));
  }

  private static byte @Nullable [] patch(JsonNode response, boolean mayPatch) throws IOException {
    String text = Trees.text(response, "patch");
    String type = Trees.text(response, "patchType");
    if (text.isEmpty() && type.isEmpty()) {
      return null;
    }
    if (!mayPatch) {
      throw new IOException("validating webhook may not return response.patch");
    }
    if (type.isEmpty()) {
      throw new IOException("webhook returned response.patch but not response.patchType");
    }
    if (text.isEmpty()) {
      throw new IOException("webhook returned response.patchType but not response.patch");
    }
    if (!type.equals("JSONPatch")) {
      throw new IOException("webhook returned invalid response.patchType of \"" + type + "\"");
    }
    try {
      return Base64.getDecoder().decode(text);
    } catch (IllegalArgumentException e) {
      throw new IOException("response.patch is not base64: " + e.getMessage(), e);
    }
  }
}
