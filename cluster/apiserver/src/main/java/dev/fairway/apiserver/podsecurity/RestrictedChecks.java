// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.podsecurity.Standards.Subject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// `restricted`: what is good practice, beyond `baseline`.
final class RestrictedChecks {
  private static final Set<String> VOLUMES =
      Set.of(
          "configMap",
          "csi",
          "downwardAPI",
          "emptyDir",
          "ephemeral",
          "image",
          "persistentVolumeClaim",
          "projected",
          "secret");

  private final Subject pod;
  private final List<Violation> found;

  private RestrictedChecks(Subject pod, List<Violation> found) {
    this.pod = pod;
    this.found = found;
  }

  static void check(Subject pod, List<Violation> found) {
    RestrictedChecks checks = new RestrictedChecks(pod, found);
    if (pod.minor() >= 8 && !pod.isWindows()) {
      checks.escalation();
    }
    if (pod.minor() >= 22 && !pod.isWindows()) {
      checks.capabilities();
    }
    checks.volumes();
    if (!pod.hasOwnUsers()) {
      checks.nonRoot();
      if (pod.minor() >= 23) {
        checks.user();
      }
    }
    if (pod.minor() >= 19 && !pod.isWindows()) {
      checks.seccomp();
    }
  }

  private void add(String reason, String detail) {
    found.add(new Violation(reason, detail));
  }

  private void escalation() {
    List<String> names = new ArrayList<>();
    for (JsonNode container : pod.containers()) {
      JsonNode allowed = Trees.at(container, "securityContext", "allowPrivilegeEscalation");
      if (allowed == null || allowed.asBoolean()) {
        names.add(Standards.name(container));
      }
    }
    if (!names.isEmpty()) {
      add(
          "allowPrivilegeEscalation != false",
          Standards.containers(names) + " must set securityContext.allowPrivilegeEscalation=false");
    }
  }

  private void capabilities() {
    List<String> keeping = new ArrayList<>();
    List<String> adding = new ArrayList<>();
    Set<String> added = new TreeSet<>();
    for (JsonNode container : pod.containers()) {
      JsonNode capabilities = container.path("securityContext").path("capabilities");
      if (capabilities.path("drop").valueStream().noneMatch(c -> c.asString().equals("ALL"))) {
        keeping.add(Standards.name(container));
      }
      List<String> more =
          capabilities
              .path("add")
              .valueStream()
              .map(JsonNode::asString)
              .filter(name -> !name.equals("NET_BIND_SERVICE"))
              .toList();
      if (!more.isEmpty()) {
        adding.add(Standards.name(container));
        added.addAll(more);
      }
    }
    List<String> details = new ArrayList<>();
    if (!keeping.isEmpty()) {
      details.add(
          Standards.containers(keeping) + " must set securityContext.capabilities.drop=[\"ALL\"]");
    }
    if (!adding.isEmpty()) {
      details.add(
          Standards.containers(adding)
              + " must not include "
              + Standards.quoted(added)
              + " in securityContext.capabilities.add");
    }
    if (!details.isEmpty()) {
      add("unrestricted capabilities", String.join("; ", details));
    }
  }

  private void volumes() {
    List<String> names = new ArrayList<>();
    Set<String> types = new TreeSet<>();
    for (JsonNode volume : Trees.items(pod.spec(), "volumes")) {
      for (Map.Entry<String, JsonNode> source : volume.properties()) {
        if (!source.getKey().equals("name") && !VOLUMES.contains(source.getKey())) {
          names.add(Standards.name(volume));
          types.add(source.getKey());
        }
      }
    }
    if (!names.isEmpty()) {
      add(
          "restricted volume types",
          (names.size() == 1 ? "volume " : "volumes ")
              + Standards.quoted(names)
              + (names.size() == 1 ? " uses" : " use")
              + (types.size() == 1 ? " restricted volume type " : " restricted volume types ")
              + Standards.quoted(types));
    }
  }

  private void nonRoot() {
    JsonNode ofPod = Trees.at(pod.context(), "runAsNonRoot");
    boolean podSays = ofPod != null && ofPod.asBoolean();
    List<String> against = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    for (JsonNode container : pod.containers()) {
      JsonNode own = Trees.at(container, "securityContext", "runAsNonRoot");
      if (own != null && !own.asBoolean()) {
        against.add(Standards.name(container));
      } else if (own == null && !podSays) {
        silent.add(Standards.name(container));
      }
    }
    String setters = setters(ofPod != null && !podSays, against);
    if (!setters.isEmpty()) {
      add("runAsNonRoot != true", setters + " must not set securityContext.runAsNonRoot=false");
    } else if (!silent.isEmpty()) {
      add(
          "runAsNonRoot != true",
          "pod or " + Standards.containers(silent) + " must set securityContext.runAsNonRoot=true");
    }
  }

  private static String setters(boolean ofPod, List<String> containers) {
    String names = containers.isEmpty() ? "" : Standards.containers(containers);
    return !ofPod ? names : names.isEmpty() ? "pod" : "pod and " + names;
  }

  private void user() {
    List<String> names = new ArrayList<>();
    for (JsonNode container : pod.containers()) {
      if (Trees.number(container, -1, "securityContext", "runAsUser") == 0) {
        names.add(Standards.name(container));
      }
    }
    String setters = setters(Trees.number(pod.context(), -1, "runAsUser") == 0, names);
    if (!setters.isEmpty()) {
      add("runAsUser=0", setters + " must not set runAsUser=0");
    }
  }

  private void seccomp() {
    Set<String> values = new TreeSet<>();
    String ofPod = Trees.text(pod.context(), "seccompProfile", "type");
    boolean podSays = isSafe(ofPod);
    boolean podBad = Standards.has(pod.context(), "seccompProfile") && !podSays;
    if (podBad) {
      values.add(ofPod);
    }
    List<String> against = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    for (JsonNode container : pod.containers()) {
      JsonNode context = container.path("securityContext");
      String type = Trees.text(context, "seccompProfile", "type");
      if (!Standards.has(context, "seccompProfile")) {
        if (!podSays) {
          silent.add(Standards.name(container));
        }
      } else if (!isSafe(type)) {
        against.add(Standards.name(container));
        values.add(type);
      }
    }
    String setters = setters(podBad, against);
    if (!setters.isEmpty()) {
      add(
          "seccompProfile",
          setters
              + " must not set securityContext.seccompProfile.type to "
              + Standards.quoted(values));
    } else if (!silent.isEmpty()) {
      add(
          "seccompProfile",
          "pod or "
              + Standards.containers(silent)
              + " must set securityContext.seccompProfile.type to \"RuntimeDefault\" or"
              + " \"Localhost\"");
    }
  }

  private static boolean isSafe(String type) {
    return type.equals("RuntimeDefault") || type.equals("Localhost");
  }
}
