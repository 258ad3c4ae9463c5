// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/// Resolves a pod's priorityClassName to a number.
final class PodPriority implements AdmissionStep {
  private static final Map<String, Integer> SYSTEM =
      Map.of("system-cluster-critical", 2_000_000_000, "system-node-critical", 2_000_001_000);

  private final Lookup lookup;

  PodPriority(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public String name() {
    return "Priority";
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.creates("", "Pod")) {
      return;
    }
    ObjectNode spec = Trees.child(admission.object(), "spec");
    String name = Trees.text(spec, "priorityClassName");
    int priority = 0;
    String preemption = "PreemptLowerPriority";
    if (SYSTEM.containsKey(name)) {
      priority = SYSTEM.get(name);
    } else if (!name.isEmpty()) {
      ObjectNode found = lookup.get("scheduling.k8s.io", "PriorityClass", "", name);
      if (found == null) {
        throw StatusException.forbidden(
            admission.kind(),
            Trees.text(admission.object(), "metadata", "name"),
            "no PriorityClass with name " + name + " was found");
      }
      priority = (int) Trees.number(found, 0, "value");
      String own = Trees.text(found, "preemptionPolicy");
      preemption = own.isEmpty() ? preemption : own;
    }
    spec.put("priority", priority);
    if (Trees.text(spec, "preemptionPolicy").isEmpty()) {
      spec.put("preemptionPolicy", preemption);
    }
  }
}
