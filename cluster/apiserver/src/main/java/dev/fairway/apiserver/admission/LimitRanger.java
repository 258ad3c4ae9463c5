// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Gives containers the requests and limits that the namespace's LimitRanges have for those who say
/// nothing, and notes in an annotation what it gave.
final class LimitRanger implements AdmissionStep {
  static final String NAME = "LimitRanger";
  private static final String NOTE = "kubernetes.io/limit-ranger";

  private final Limits limits;

  LimitRanger(Limits limits) {
    this.limits = limits;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.creates("", "Pod")) {
      return;
    }
    for (JsonNode item : limits.of(admission.namespace(), "Container")) {
      List<String> notes = new ArrayList<>();
      ObjectNode spec = Trees.child(admission.object(), "spec");
      give(spec, "containers", "container", item, notes);
      give(spec, "initContainers", "init container", item, notes);
      if (!notes.isEmpty()) {
        Trees.child(Trees.child(admission.object(), "metadata"), "annotations")
            .put(NOTE, "LimitRanger plugin set: " + String.join("; ", notes));
      }
    }
  }

  private static void give(
      ObjectNode spec, String list, String word, JsonNode item, List<String> notes) {
    for (JsonNode one : Trees.items(spec, list)) {
      if (one instanceof ObjectNode container) {
        String name = Trees.text(container, "name");
        note(give(container, "requests", item.get("defaultRequest")), "request", word, name, notes);
        note(give(container, "limits", item.get("default")), "limit", word, name, notes);
      }
    }
  }

  private static void note(
      Set<String> given, String what, String word, String name, List<String> notes) {
    if (!given.isEmpty()) {
      notes.add(String.join(", ", given) + " " + what + " for " + word + " " + name);
    }
  }

  private static Set<String> give(ObjectNode container, String list, JsonNode defaults) {
    Set<String> given = new TreeSet<>();
    if (defaults instanceof ObjectNode amounts && !amounts.isEmpty()) {
      ObjectNode own = Trees.child(Trees.child(container, "resources"), list);
      for (Map.Entry<String, JsonNode> amount : amounts.properties()) {
        if (own.get(amount.getKey()) == null) {
          own.set(amount.getKey(), amount.getValue());
          given.add(amount.getKey());
        }
      }
    }
    return given;
  }
}
