// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Decoder;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.patch.Patches;
import dev.fairway.apimachinery.selector.LabelSelector;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.Registry.Part;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.apiserver.registry.WriteOptions;
import java.util.function.UnaryOperator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The `scale` subresource: the number of replicas of anything that has some, as one small object.
final class Scales {
  private static final String DEFINITION = "io.k8s.api.autoscaling.v1.Scale";

  private final Registry registry;

  Scales(Registry registry) {
    this.registry = registry;
  }

  /// Where a kind keeps its numbers.
  @SuppressWarnings("ArrayRecordComponent") // what Trees takes as a path
  private record Places(String[] spec, String[] status, String[] selector) {
    static Places of(Kind kind) {
      if (kind.custom() == null) {
        return new Places(
            new String[] {"spec", "replicas"},
            new String[] {"status", "replicas"},
            new String[] {"spec", "selector"});
      }
      JsonNode scale = kind.custom().version().path("subresources").path("scale");
      return new Places(
          steps(scale, "specReplicasPath"),
          steps(scale, "statusReplicasPath"),
          steps(scale, "labelSelectorPath"));
    }

    private static String[] steps(JsonNode scale, String field) {
      String path = Trees.text(scale, field);
      return path.isEmpty() ? new String[] {""} : path.substring(1).split("\\.");
    }
  }

  void serve(Call call, ResourcePath path, String verb) {
    Kind kind = path.kind();
    if (verb.equals("get")) {
      ObjectNode object = StoredForm.tree(kind, registry.get(kind, path.namespace(), path.name()));
      call.send(200, scale(kind, object));
      return;
    }
    UnaryOperator<ObjectNode> change = verb.equals("patch") ? patch(call, path) : replace(call);
    WriteOptions options =
        WriteOptions.of(call.identity(), call.request(), path.subresource(), call.warnings());
    Registry.Written written =
        registry.update(
            kind,
            path.namespace(),
            path.name(),
            Part.SPEC,
            options,
            object -> rescale(kind, object, change.apply(scale(kind, object))));
    call.send(200, scale(kind, StoredForm.tree(kind, written.entry())));
  }

  private static UnaryOperator<ObjectNode> replace(Call call) {
    ObjectNode wanted =
        Decoder.decodeDefinition(DEFINITION, call.body().bytes(), call.body().yaml());
    return _ -> wanted;
  }

  private static UnaryOperator<ObjectNode> patch(Call call, ResourcePath path) {
    String type = Call.contentType(call.request());
    Patches.Type patchType = Patches.Type.ofMediaType(type);
    if (patchType == null) {
      throw ObjectVerbs.unknownPatch();
    }
    // A Scale has no lists, so both kinds of merge come out the same.
    Patches.Type plain = patchType == Patches.Type.STRATEGIC ? Patches.Type.MERGE : patchType;
    return current -> Patches.apply(plain, path.kind(), current, call.request().body(), false);
  }

  private static ObjectNode rescale(Kind kind, ObjectNode object, ObjectNode scale) {
    JsonNode replicas = Trees.at(scale, "spec", "replicas");
    int wanted = replicas == null ? 0 : replicas.asInt();
    if (wanted < 0) {
      throw StatusException.badRequest(
          "spec.replicas: Invalid value: " + wanted + ": must be greater than or equal to 0");
    }
    String revision = Trees.text(scale, "metadata", "resourceVersion");
    if (!revision.isEmpty()) {
      Trees.child(object, "metadata").put("resourceVersion", revision);
    }
    String[] steps = Places.of(kind).spec();
    ObjectNode at = object;
    for (int i = 0; i < steps.length - 1; i++) {
      at = Trees.child(at, steps[i]);
    }
    at.put(steps[steps.length - 1], wanted);
    return object;
  }

  private static ObjectNode scale(Kind kind, ObjectNode object) {
    Places places = Places.of(kind);
    ObjectNode scale = Trees.object();
    scale.put("kind", "Scale").put("apiVersion", "autoscaling/v1");
    ObjectNode metadata = scale.putObject("metadata");
    for (String field :
        new String[] {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
      JsonNode value = Trees.at(object, "metadata", field);
      if (value != null) {
        metadata.set(field, value);
      }
    }
    scale.putObject("spec").put("replicas", Trees.number(object, 0, places.spec()));
    ObjectNode status = scale.putObject("status");
    status.put("replicas", Trees.number(object, 0, places.status()));
    JsonNode selector = Trees.at(object, places.selector());
    if (selector != null) {
      status.put(
          "selector",
          selector.isString()
              ? selector.asString()
              : kind.is("", "ReplicationController")
                  ? LabelSelector.ofMap(selector).toString()
                  : LabelSelector.of(selector).toString());
    }
    return scale;
  }
}
