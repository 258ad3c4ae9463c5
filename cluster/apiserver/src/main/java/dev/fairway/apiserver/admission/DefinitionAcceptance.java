// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import java.time.Clock;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A CustomResourceDefinition is served as soon as it is stored, and says so itself.
final class DefinitionAcceptance implements AdmissionStep {
  private final Clock clock;

  DefinitionAcceptance(Clock clock) {
    this.clock = clock;
  }

  @Override
  public String name() {
    return "DefinitionAcceptance";
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.kind().is("apiextensions.k8s.io", "CustomResourceDefinition")) {
      return;
    }
    ObjectNode object = admission.object();
    ObjectNode names = Trees.child(Trees.child(object, "spec"), "names");
    String kind = Trees.text(names, "kind");
    if (Trees.text(names, "singular").isEmpty()) {
      names.put("singular", kind.toLowerCase(Locale.ROOT));
    }
    if (Trees.text(names, "listKind").isEmpty()) {
      names.put("listKind", kind + "List");
    }
    ObjectNode status = Trees.child(object, "status");
    status.set("acceptedNames", Trees.copy(names));
    Set<String> stored = new TreeSet<>();
    Trees.items(status, "storedVersions").forEach(version -> stored.add(version.asString()));
    for (JsonNode version : Trees.items(object, "spec", "versions")) {
      if (Trees.flag(version, "storage")) {
        stored.add(Trees.text(version, "name"));
      }
    }
    ArrayNode versions = status.putArray("storedVersions");
    stored.forEach(versions::add);
    if (Trees.at(status, "conditions") == null) {
      ArrayNode conditions = status.putArray("conditions");
      condition(conditions, "NamesAccepted", "NoConflicts", "no conflicts found");
      condition(
          conditions,
          "Established",
          "InitialNamesAccepted",
          "the initial names have been accepted");
    }
  }

  private void condition(ArrayNode conditions, String type, String reason, String message) {
    conditions
        .addObject()
        .put("type", type)
        .put("status", "True")
        .put("lastTransitionTime", Times.rfc3339(clock.instant()))
        .put("reason", reason)
        .put("message", message);
  }
}
