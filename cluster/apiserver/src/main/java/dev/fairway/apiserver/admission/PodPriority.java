// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.Comparator;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Resolves a pod's priorityClassName to a number.
final class PodPriority implements AdmissionStep {
  private static final String GROUP = "scheduling.k8s.io";
  private static final String KIND = "PriorityClass";
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
    if (admission.kind().is(GROUP, KIND)) {
      requireOneDefault(admission);
    } else if (admission.creates("", "Pod")) {
      resolve(admission);
    }
  }

  private void requireOneDefault(Admission admission) {
    if (!Trees.flag(admission.object(), "globalDefault")) {
      return;
    }
    for (ObjectNode other : lookup.all(GROUP, KIND)) {
      String name = Trees.text(other, "metadata", "name");
      if (Trees.flag(other, "globalDefault") && !name.equals(admission.name())) {
        throw admission.forbidden(
            "PriorityClass " + name + " is already marked as default. Only one default can exist");
      }
    }
  }

  private void resolve(Admission admission) {
    ObjectNode spec = Trees.child(admission.object(), "spec");
    String name = Trees.text(spec, "priorityClassName");
    ObjectNode found = null;
    if (name.isEmpty()) {
      found = usual();
      if (found != null) {
        spec.put("priorityClassName", Trees.text(found, "metadata", "name"));
      }
    } else if (!SYSTEM.containsKey(name)) {
      found = lookup.get(GROUP, KIND, "", name);
      if (found == null) {
        throw admission.forbidden("no PriorityClass with name " + name + " was found");
      }
    }
    long priority = SYSTEM.getOrDefault(name, (int) Trees.number(found, 0, "value"));
    String own = Trees.text(found, "preemptionPolicy");
    keep(admission, spec, priority, own.isEmpty() ? "PreemptLowerPriority" : own);
  }

  /// What follows from the class may be said, too, but not otherwise.
  private static void keep(Admission admission, ObjectNode spec, long priority, String preemption) {
    String tail =
        " must not be provided in pod spec; priority admission controller computed %s from the"
            + " given PriorityClass name";
    long said = Trees.number(spec, priority, "priority");
    if (said != priority) {
      throw admission.forbidden(
          "the integer value of priority (" + said + ")" + tail.formatted(priority));
    }
    String policy = Trees.text(spec, "preemptionPolicy");
    if (!policy.isEmpty() && !policy.equals(preemption)) {
      throw admission.forbidden(
          "the string value of PreemptionPolicy (" + policy + ")" + tail.formatted(preemption));
    }
    spec.put("priority", priority);
    spec.put("preemptionPolicy", preemption);
  }

  /// The class of those who name none; the lowest, if two were marked at the same time.
  private @Nullable ObjectNode usual() {
    return lookup.all(GROUP, KIND).stream()
        .filter(one -> Trees.flag(one, "globalDefault"))
        .min(Comparator.comparingLong(one -> Trees.number(one, 0, "value")))
        .orElse(null);
  }
}
