// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Decoder;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.http.Query;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// How an object is to go.
///
/// @param graceSeconds how long a pod may take to stop; absent for its own default
/// @param propagation `Orphan`, `Foreground`, `Background`, or empty
/// @param uid only if the object has this uid; empty for any
/// @param resourceVersion only if the object has this one; empty for any
public record DeleteOptions(
    OptionalLong graceSeconds,
    String propagation,
    String uid,
    String resourceVersion,
    boolean dryRun) {
  private static final String DEFINITION = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

  /// From the body if there is one, else from the query.
  public static DeleteOptions of(byte[] body, boolean yaml, Query query) {
    ObjectNode options =
        body.length == 0 ? Trees.object() : Decoder.decodeDefinition(DEFINITION, body, yaml);
    JsonNode grace = Trees.at(options, "gracePeriodSeconds");
    OptionalLong seconds =
        grace != null
            ? OptionalLong.of(grace.asLong())
            : query
                .get("gracePeriodSeconds")
                .map(text -> OptionalLong.of(seconds(text)))
                .orElse(OptionalLong.empty());
    String propagation = Trees.text(options, "propagationPolicy");
    if (propagation.isEmpty()) {
      propagation = query.get("propagationPolicy").orElse("");
    }
    if (propagation.isEmpty() && Trees.at(options, "orphanDependents") != null) {
      propagation = Trees.flag(options, "orphanDependents") ? "Orphan" : "Background";
    }
    if (!propagation.isEmpty()
        && !propagation.equals("Orphan")
        && !propagation.equals("Foreground")
        && !propagation.equals("Background")) {
      throw StatusException.badRequest(
          "propagationPolicy: Unsupported value: \""
              + propagation
              + "\": supported values: \"Foreground\", \"Background\", \"Orphan\"");
    }
    boolean dryRun = query.get("dryRun").isPresent() || !options.path("dryRun").isMissingNode();
    return new DeleteOptions(
        seconds,
        propagation,
        Trees.text(options, "preconditions", "uid"),
        Trees.text(options, "preconditions", "resourceVersion"),
        dryRun);
  }

  private static long seconds(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException _) {
      throw StatusException.badRequest(
          "gracePeriodSeconds: \"" + text + "\" is not a whole number");
    }
  }
}
