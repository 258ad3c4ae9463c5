// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.selector;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Which values an object's fields must have. Only a few fields of each kind can be asked for.
public final class FieldSelector {
  private record Requirement(String field, String[] path, boolean equal, String value) {
    boolean matches(JsonNode object) {
      JsonNode found = Trees.at(object, path);
      String text = found == null ? "" : found.asString();
      if (found == null && field.equals("spec.unschedulable")) {
        text = "false";
      }
      return text.equals(value) == equal;
    }
  }

  private static final FieldSelector EVERYTHING = new FieldSelector(List.of());
  private static final int MOST_REQUIREMENTS = 64;

  private final List<Requirement> requirements;

  private FieldSelector(List<Requirement> requirements) {
    this.requirements = List.copyOf(requirements);
  }

  public static FieldSelector everything() {
    return EVERYTHING;
  }

  /// Parses a query such as `spec.nodeName=w0,status.phase!=Failed`. Rejects unknown fields and bad
  /// syntax with [StatusException] 400.
  public static FieldSelector parse(Kind kind, @Nullable String query) {
    if (query == null || query.isBlank()) {
      return EVERYTHING;
    }
    List<String> supported = fields(kind);
    List<Requirement> requirements = new ArrayList<>();
    for (String term : terms(query)) {
      if (term.isBlank()) {
        continue;
      }
      int equals = term.indexOf('=');
      if (equals <= 0) {
        throw StatusException.badRequest(
            "invalid field selector: \""
                + term
                + "\"; can't understand it, use field=value or field!=value");
      }
      boolean equal = term.charAt(equals - 1) != '!';
      String field = term.substring(0, equal ? equals : equals - 1).strip();
      boolean twice = equal && equals + 1 < term.length() && term.charAt(equals + 1) == '=';
      String value = unescaped(term.substring(equals + (twice ? 2 : 1)));
      if (!supported.contains(field)) {
        throw StatusException.badRequest("field label not supported: " + field);
      }
      String stored = field.equals("name") ? "metadata.name" : path(kind, field);
      requirements.add(new Requirement(field, stored.split("\\."), equal, value));
      if (requirements.size() > MOST_REQUIREMENTS) {
        throw StatusException.badRequest(
            "a field selector may have at most " + MOST_REQUIREMENTS + " terms");
      }
    }
    return new FieldSelector(requirements);
  }

  /// Splits at commas that are not escaped by a backslash.
  private static List<String> terms(String query) {
    List<String> terms = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < query.length(); i++) {
      if (query.charAt(i) == '\\') {
        i++;
      } else if (query.charAt(i) == ',') {
        terms.add(query.substring(start, i));
        start = i + 1;
      }
    }
    terms.add(query.substring(start));
    return terms;
  }

  private static String unescaped(String value) {
    if (value.indexOf('\\') < 0) {
      return value;
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c == '\\' && i + 1 < value.length()) {
        c = value.charAt(++i);
      }
      text.append(c);
    }
    return text.toString();
  }

  private static String path(Kind kind, String field) {
    // The stored form of an event is v1's; events.k8s.io names some fields otherwise.
    if (kind.is("events.k8s.io", "Event") && field.equals("reportingController")) {
      return "reportingController";
    }
    return field.equals("reportingController") ? "reportingComponent" : field;
  }

  private static List<String> fields(Kind kind) {
    List<String> fields = new ArrayList<>(List.of("metadata.name", "metadata.namespace"));
    if (kind.custom() != null) {
      for (JsonNode field : Trees.items(kind.custom().version(), "selectableFields")) {
        String path = Trees.text(field, "jsonPath");
        fields.add(path.startsWith(".") ? path.substring(1) : path);
      }
      return fields;
    }
    fields.addAll(
        switch (kind.definition().substring(kind.definition().indexOf("api.") + 4)) {
          case "core.v1.Pod" ->
              List.of(
                  "spec.nodeName",
                  "spec.restartPolicy",
                  "spec.schedulerName",
                  "spec.serviceAccountName",
                  "spec.hostNetwork",
                  "status.phase",
                  "status.podIP",
                  "status.nominatedNodeName");
          case "core.v1.Event" ->
              List.of(
                  "involvedObject.kind",
                  "involvedObject.namespace",
                  "involvedObject.name",
                  "involvedObject.uid",
                  "involvedObject.apiVersion",
                  "involvedObject.resourceVersion",
                  "involvedObject.fieldPath",
                  "reason",
                  "reportingComponent",
                  "reportingController",
                  "source",
                  "type");
          case "events.v1.Event" ->
              List.of(
                  "regarding.kind",
                  "regarding.namespace",
                  "regarding.name",
                  "regarding.uid",
                  "regarding.apiVersion",
                  "regarding.resourceVersion",
                  "regarding.fieldPath",
                  "reason",
                  "reportingController",
                  "type");
          case "core.v1.Secret" -> List.of("type");
          case "core.v1.Namespace" -> List.of("name", "status.phase");
          case "core.v1.Node" -> List.of("spec.unschedulable");
          case "core.v1.Service" -> List.of("spec.clusterIP", "spec.type");
          case "core.v1.ReplicationController", "apps.v1.ReplicaSet" -> List.of("status.replicas");
          case "core.v1.PersistentVolume" -> List.of("name");
          case "batch.v1.Job" -> List.of("status.successful");
          case "certificates.v1.CertificateSigningRequest" -> List.of("spec.signerName");
          default -> List.of();
        });
    return fields;
  }

  public boolean matches(JsonNode object) {
    for (Requirement requirement : requirements) {
      if (!requirement.matches(object)) {
        return false;
      }
    }
    return true;
  }

  public boolean isEverything() {
    return requirements.isEmpty();
  }

  /// The one value this field must have, if it must equal one. Lets a server use an index or a key.
  public Optional<String> exact(String field) {
    for (Requirement requirement : requirements) {
      if (requirement.equal() && requirement.field().equals(field)) {
        return Optional.of(requirement.value());
      }
    }
    return Optional.empty();
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Requirement requirement : requirements) {
      text.append(text.isEmpty() ? "" : ",")
          .append(requirement.field())
          .append(requirement.equal() ? "=" : "!=")
          .append(requirement.value());
    }
    return text.toString();
  }
}
