// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.admission.Admission.Operation;
import dev.fairway.apiserver.podsecurity.Level;
import dev.fairway.apiserver.podsecurity.Policy;
import dev.fairway.apiserver.podsecurity.Standards;
import dev.fairway.apiserver.podsecurity.Violation;
import dev.fairway.apiserver.registry.Lookup;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Holds pods to the level that their namespace's labels name, and warns of pods and templates that
/// would break it (KEP-2579).
final class PodSecurity implements AdmissionStep {
  private static final int MOST_PODS = 3000;

  private final Lookup lookup;

  PodSecurity(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public String name() {
    return "PodSecurity";
  }

  @Override
  public boolean judges(Admission admission) {
    if (admission.operation() == Operation.DELETE || admission.kind().custom() != null) {
      return false;
    }
    if (admission.kind().is("", "Pod")) {
      return admission.subresource().isEmpty()
          || admission.subresource().equals("ephemeralcontainers")
          || admission.subresource().equals("resize");
    }
    return admission.subresource().isEmpty();
  }

  @Override
  public void admit(Admission admission) {
    if (admission.kind().is("", "Namespace")) {
      namespace(admission);
      return;
    }
    JsonNode pod = pod(admission);
    if (pod == null) {
      return;
    }
    Policy policy = Policy.of(lookup.get("", "Namespace", "", admission.namespace()));
    if (policy.allowsAll()) {
      return;
    }
    boolean itself = admission.kind().is("", "Pod");
    ObjectNode old = admission.old();
    if (itself && old != null && !isSignificant(pod, old)) {
      return;
    }
    if (itself) {
      List<Violation> violations = Standards.check(policy.enforce(), pod);
      if (!violations.isEmpty()) {
        throw admission.forbidden(
            "violates PodSecurity \"" + policy.enforce() + "\": " + Violation.text(violations));
      }
    }
    List<Violation> violations = Standards.check(policy.warn(), pod);
    if (!violations.isEmpty()) {
      admission.warn(
          "would violate PodSecurity \"" + policy.warn() + "\": " + Violation.text(violations));
    }
  }

  /// The pod, or the template of pods; null for what makes no pods.
  private static @Nullable JsonNode pod(Admission admission) {
    ObjectNode object = admission.object();
    String name = admission.kind().group() + "/" + admission.kind().kind();
    return switch (name) {
      case "/Pod" -> object;
      case "/PodTemplate" -> Trees.at(object, "template");
      case "/ReplicationController",
          "apps/ReplicaSet",
          "apps/Deployment",
          "apps/StatefulSet",
          "apps/DaemonSet",
          "batch/Job" ->
          Trees.at(object, "spec", "template");
      case "batch/CronJob" -> Trees.at(object, "spec", "jobTemplate", "spec", "template");
      default -> null;
    };
  }

  /// Little of a pod may change; only what checks look at is looked at again.
  private static boolean isSignificant(JsonNode pod, ObjectNode old) {
    return !strip(pod).equals(strip(old));
  }

  private static ObjectNode strip(JsonNode pod) {
    ObjectNode rest = Trees.object();
    JsonNode spec = pod.path("spec");
    rest.set("initContainers", images(spec.path("initContainers")));
    rest.set("containers", images(spec.path("containers")));
    rest.set("ephemeralContainers", images(spec.path("ephemeralContainers")));
    JsonNode annotations = pod.path("metadata").path("annotations");
    for (Map.Entry<String, JsonNode> note : annotations.properties()) {
      if (note.getKey().contains("apparmor") || note.getKey().contains("seccomp")) {
        rest.set(note.getKey(), note.getValue());
      }
    }
    return rest;
  }

  private static JsonNode images(JsonNode containers) {
    JsonNode copy = containers.deepCopy();
    for (JsonNode container : copy) {
      if (container instanceof ObjectNode object) {
        object.remove("image");
        object.remove("resources");
      }
    }
    return copy;
  }

  private void namespace(Admission admission) {
    Policy now = Policy.of(admission.object());
    Policy before = admission.old() == null ? null : Policy.of(admission.old());
    if (!now.errors().isEmpty() && (before == null || !before.errors().equals(now.errors()))) {
      throw StatusException.invalid(admission.kind(), admission.name(), now.errors());
    }
    if (before == null || before.enforce().equals(now.enforce())) {
      return;
    }
    boolean relaxed =
        now.enforce().minor() == before.enforce().minor()
            && now.enforce().level().compareTo(before.enforce().level()) <= 0;
    if (now.enforce().level() != Level.PRIVILEGED && !relaxed) {
      warnOfPods(admission, now.enforce());
    }
  }

  /// What is there already stays, but is named.
  private void warnOfPods(Admission admission, Policy.Rule rule) {
    Map<String, SortedSet<String>> byReason = new TreeMap<>();
    List<ObjectNode> pods = lookup.in("", "Pod", admission.name());
    for (ObjectNode pod : pods.subList(0, Math.min(pods.size(), MOST_PODS))) {
      List<Violation> violations = Standards.check(rule, pod);
      if (!violations.isEmpty()) {
        byReason
            .computeIfAbsent(Violation.reasons(violations), _ -> new TreeSet<>())
            .add(Trees.text(pod, "metadata", "name"));
      }
    }
    if (byReason.isEmpty()) {
      return;
    }
    admission.warn(
        "existing pods in namespace \""
            + admission.name()
            + "\" violate the new PodSecurity enforce level \""
            + rule
            + "\"");
    byReason.entrySet().stream()
        .map(entry -> line(entry.getValue(), entry.getKey()))
        .sorted(Comparator.naturalOrder())
        .forEach(admission::warn);
  }

  private static String line(SortedSet<String> pods, String reasons) {
    int others = pods.size() - 1;
    String more =
        switch (others) {
          case 0 -> "";
          case 1 -> " (and 1 other pod)";
          default -> " (and " + others + " other pods)";
        };
    return pods.first() + more + ": " + reasons;
  }
}
