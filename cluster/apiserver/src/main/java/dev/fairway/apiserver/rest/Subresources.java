// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Decoder;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.auth.ServiceAccountTokens;
import dev.fairway.apiserver.auth.ServiceAccountTokens.Bound;
import dev.fairway.apiserver.auth.ServiceAccountTokens.Subject;
import dev.fairway.apiserver.registry.DeleteOptions;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.Registry.Part;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.apiserver.registry.WriteOptions;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The parts of objects with a path of their own that are answered from the store.
final class Subresources {
  private static final long SHORTEST_TOKEN_SECONDS = 600;
  private static final long LONGEST_TOKEN_SECONDS = Duration.ofDays(365).toSeconds();

  private final Registry registry;
  private final ObjectVerbs objects;
  private final Scales scales;
  private final ServiceAccountTokens tokens;
  private final Clock clock;

  Subresources(
      Registry registry,
      ObjectVerbs objects,
      Scales scales,
      ServiceAccountTokens tokens,
      Clock clock) {
    this.registry = registry;
    this.objects = objects;
    this.scales = scales;
    this.tokens = tokens;
    this.clock = clock;
  }

  void serve(Call call, ResourcePath path, String verb) {
    switch (path.subresource()) {
      case "status" -> part(call, path, verb, Part.STATUS);
      case "scale" -> scales.serve(call, path, verb);
      case "binding" -> bind(call, path);
      case "eviction" -> evict(call, path);
      case "token" -> token(call, path);
      case "finalize", "approval", "ephemeralcontainers", "resize" ->
          part(call, path, verb, Part.WHOLE);
      default -> throw StatusException.notFoundPath();
    }
  }

  private void part(Call call, ResourcePath path, String verb, Part part) {
    switch (verb) {
      case "get" -> objects.get(call, path);
      case "update" -> objects.update(call, path, part);
      case "patch" ->
          objects.patch(
              call,
              path,
              part,
              () -> {
                throw StatusException.notFound(path.kind(), path.name());
              });
      default -> throw StatusException.methodNotAllowed(path.kind(), verb);
    }
  }

  /// The scheduler's decision: the pod gets its node.
  private void bind(Call call, ResourcePath path) {
    ObjectNode binding =
        Decoder.decodeDefinition(
            "io.k8s.api.core.v1.Binding", call.body().bytes(), call.body().yaml());
    String node = Trees.text(binding, "target", "name");
    if (node.isEmpty()) {
      throw StatusException.badRequest("target.name: Required value: the node to bind to");
    }
    String meant = Trees.text(binding, "metadata", "uid");
    WriteOptions options =
        WriteOptions.of(call.identity(), call.request(), path.subresource(), call.warnings())
            .unmanaged();
    registry.update(
        path.kind(),
        path.namespace(),
        path.name(),
        Part.WHOLE,
        options,
        pod -> {
          String uid = Trees.text(pod, "metadata", "uid");
          if (!meant.isEmpty() && !meant.equals(uid)) {
            throw StatusException.conflict(
                path.kind(),
                path.name(),
                "Precondition failed: UID in precondition: "
                    + meant
                    + ", UID in object meta: "
                    + uid);
          }
          String current = Trees.text(pod, "spec", "nodeName");
          if (!current.isEmpty()) {
            throw StatusException.conflict(
                path.kind(),
                path.name(),
                "pod " + path.name() + " is already assigned to node \"" + current + "\"");
          }
          if (Trees.at(pod, "metadata", "deletionTimestamp") != null) {
            throw StatusException.conflict(
                path.kind(),
                path.name(),
                "pod " + path.name() + " is being deleted, cannot be assigned to a host");
          }
          Trees.child(pod, "spec").put("nodeName", node);
          schedule(pod);
          return pod;
        });
    ObjectNode success = StatusException.success(null, "", "");
    call.send(201, success);
  }

  private void schedule(ObjectNode pod) {
    ObjectNode status = Trees.child(pod, "status");
    var kept = Trees.array();
    for (JsonNode condition : Trees.items(status, "conditions")) {
      if (!Trees.text(condition, "type").equals("PodScheduled")) {
        kept.add(condition);
      }
    }
    kept.addObject()
        .put("type", "PodScheduled")
        .put("status", "True")
        .put("lastTransitionTime", Times.rfc3339(clock.instant()))
        .putNull("lastProbeTime");
    status.set("conditions", kept);
  }

  private void evict(Call call, ResourcePath path) {
    ObjectNode eviction =
        Decoder.decodeDefinition(
            "io.k8s.api.policy.v1.Eviction", call.body().bytes(), call.body().yaml());
    JsonNode grace = Trees.at(eviction, "deleteOptions", "gracePeriodSeconds");
    boolean dryRun =
        call.query().get("dryRun").isPresent()
            || Trees.at(eviction, "deleteOptions", "dryRun") != null;
    registry.delete(
        path.kind(),
        path.namespace(),
        path.name(),
        new DeleteOptions(
            grace == null ? OptionalLong.empty() : OptionalLong.of(grace.asLong()),
            "",
            Trees.text(eviction, "deleteOptions", "preconditions", "uid"),
            "",
            dryRun),
        call.admission("", dryRun));
    call.send(201, StatusException.success(null, "", ""));
  }

  private void token(Call call, ResourcePath path) {
    ObjectNode request =
        Decoder.decodeDefinition(
            "io.k8s.api.authentication.v1.TokenRequest", call.body().bytes(), call.body().yaml());
    ObjectNode account =
        StoredForm.tree(path.kind(), registry.get(path.kind(), path.namespace(), path.name()));
    long seconds = Trees.number(request, 3600, "spec", "expirationSeconds");
    if (seconds < SHORTEST_TOKEN_SECONDS) {
      throw StatusException.badRequest(
          "spec.expirationSeconds: Invalid value: "
              + seconds
              + ": may not specify a duration less than 10 minutes");
    }
    List<String> audiences =
        request.path("spec").path("audiences").valueStream().map(JsonNode::asString).toList();
    Subject subject =
        new Subject(
            path.namespace(),
            path.name(),
            Trees.text(account, "metadata", "uid"),
            boundPod(request, path, call.identity()));
    ServiceAccountTokens.Token token =
        tokens.sign(
            subject, audiences, Duration.ofSeconds(Math.min(seconds, LONGEST_TOKEN_SECONDS)));
    ObjectNode answer = Trees.object();
    answer.put("kind", "TokenRequest").put("apiVersion", "authentication.k8s.io/v1");
    answer
        .putObject("metadata")
        .put("name", path.name())
        .put("namespace", path.namespace())
        .put("creationTimestamp", Times.rfc3339(clock.instant()));
    ObjectNode spec = Trees.child(answer, "spec");
    spec.setAll(Trees.child(request, "spec"));
    if (audiences.isEmpty()) {
      spec.putArray("audiences").add(tokens.issuer());
    }
    answer
        .putObject("status")
        .put("token", token.text())
        .put("expirationTimestamp", Times.rfc3339(token.expiration()));
    call.send(201, answer);
  }

  /// A node gets tokens only for the pods that are bound to it.
  private @Nullable Bound boundPod(ObjectNode request, ResourcePath path, Identity asking) {
    JsonNode reference = Trees.at(request, "spec", "boundObjectRef");
    if (reference == null) {
      if (asking.node().isPresent()) {
        throw StatusException.forbidden(
            path.kind(), path.name(), "a node's token must be bound to a pod");
      }
      return null;
    }
    String kindName = Trees.text(reference, "kind");
    if (!kindName.equals("Pod")) {
      throw StatusException.badRequest(
          "spec.boundObjectRef.kind: Unsupported value: \"" + kindName + "\": only Pod");
    }
    Kind pods = Registry.builtin("", "Pod");
    String name = Trees.text(reference, "name");
    ObjectNode pod = StoredForm.tree(pods, registry.get(pods, path.namespace(), name));
    String uid = Trees.text(pod, "metadata", "uid");
    if (asking.node().isPresent()
        && !(asking.node().get().equals(Trees.text(pod, "spec", "nodeName"))
            && path.name().equals(Trees.text(pod, "spec", "serviceAccountName")))) {
      throw StatusException.forbidden(
          path.kind(), path.name(), "pod " + name + " of it does not run on the node that asks");
    }
    String wanted = Trees.text(reference, "uid");
    if (!wanted.isEmpty() && !wanted.equals(uid)) {
      throw StatusException.conflict(
          pods, name, "the UID in the bound object reference (" + wanted + ") is not " + uid);
    }
    return new Bound(name, uid);
  }
}
