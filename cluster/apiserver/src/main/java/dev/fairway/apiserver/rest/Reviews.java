// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Decoder;
import dev.fairway.apimachinery.FieldValidation;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.auth.Access;
import dev.fairway.apiserver.auth.Authorizer;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.auth.ServiceAccountTokens;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Questions that are answered on the spot: who am I, may I, whose token is this.
final class Reviews {
  private final Authorizer authorizer;
  private final ServiceAccountTokens tokens;

  Reviews(Authorizer authorizer, ServiceAccountTokens tokens) {
    this.authorizer = authorizer;
    this.tokens = tokens;
  }

  void create(Call call, ResourcePath path) {
    Kind kind = path.kind();
    ObjectNode review =
        Decoder.decode(kind, call.body().bytes(), call.body().yaml(), FieldValidation.IGNORE)
            .object();
    ObjectNode status = Trees.object();
    Identity caller = call.identity();
    switch (kind.kind()) {
      case "SelfSubjectReview" -> status.set("userInfo", user(caller));
      case "SelfSubjectAccessReview" -> decide(status, caller, review);
      case "SubjectAccessReview", "LocalSubjectAccessReview" ->
          decide(status, subject(review), review);
      case "SelfSubjectRulesReview" -> {
        status.putArray("resourceRules");
        status.putArray("nonResourceRules");
        status.put("incomplete", true);
        status.put("evaluationError", "rules are not listed, only decided");
      }
      case "TokenReview" -> token(status, review);
      default -> throw StatusException.methodNotAllowed(kind, "create");
    }
    review.set("status", status);
    Trees.child(review, "metadata").putNull("creationTimestamp");
    call.send(201, review);
  }

  private void decide(ObjectNode status, Identity who, JsonNode review) {
    JsonNode path = Trees.at(review, "spec", "nonResourceAttributes");
    JsonNode resource = Trees.at(review, "spec", "resourceAttributes");
    Access access =
        path != null
            ? Access.ofPath(Trees.text(path, "verb"), Trees.text(path, "path"))
            : new Access(
                Trees.text(resource, "verb"),
                Trees.text(resource, "group"),
                Trees.text(resource, "resource"),
                Trees.text(resource, "subresource"),
                Trees.text(resource, "namespace"),
                Trees.text(resource, "name"),
                "");
    status.put("allowed", authorizer.allows(who, access));
  }

  private static Identity subject(JsonNode review) {
    List<String> groups = new ArrayList<>();
    Trees.items(review, "spec", "groups").forEach(group -> groups.add(group.asString()));
    return new Identity(
        Trees.text(review, "spec", "user"), Trees.text(review, "spec", "uid"), groups, Map.of());
  }

  private void token(ObjectNode status, JsonNode review) {
    List<String> audiences = new ArrayList<>();
    Trees.items(review, "spec", "audiences").forEach(one -> audiences.add(one.asString()));
    Optional<Identity> found = tokens.read(Trees.text(review, "spec", "token"), audiences);
    status.put("authenticated", found.isPresent());
    if (found.isPresent()) {
      status.set("user", user(found.get()));
      ArrayNode list = status.putArray("audiences");
      (audiences.isEmpty() ? List.of(tokens.issuer()) : audiences).forEach(list::add);
    } else {
      status.put("error", "the token is not valid here, or no longer");
    }
  }

  private static ObjectNode user(Identity identity) {
    ObjectNode user = Trees.object();
    user.put("username", identity.user());
    if (!identity.uid().isEmpty()) {
      user.put("uid", identity.uid());
    }
    ArrayNode groups = user.putArray("groups");
    identity.groups().forEach(groups::add);
    if (!identity.extra().isEmpty()) {
      ObjectNode extra = user.putObject("extra");
      identity.extra().forEach((name, values) -> values.forEach(extra.putArray(name)::add));
    }
    return user;
  }
}
