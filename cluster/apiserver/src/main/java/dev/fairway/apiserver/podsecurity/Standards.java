// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.podsecurity.Policy.Rule;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Judges pods and pod templates.
public final class Standards {
  private Standards() {}

  /// What a pod, or a pod template, does that the rule forbids; in upstream's order: those of
  /// `baseline` first, each level's by its checks' names.
  public static List<Violation> check(Rule rule, JsonNode pod) {
    if (rule.level() == Level.PRIVILEGED) {
      return List.of();
    }
    Subject subject = Subject.of(pod, rule.minor());
    List<Violation> found = new ArrayList<>();
    boolean restricted = rule.level() == Level.RESTRICTED;
    BaselineChecks.check(subject, restricted, found);
    if (restricted) {
      RestrictedChecks.check(subject, found);
    }
    return found;
  }

  /// A pod, apart.
  ///
  /// @param containers of all three lists, init containers first
  record Subject(JsonNode metadata, JsonNode spec, List<JsonNode> containers, int minor) {
    static Subject of(JsonNode pod, int minor) {
      List<JsonNode> containers = new ArrayList<>();
      JsonNode spec = pod.path("spec");
      for (String list : List.of("initContainers", "containers", "ephemeralContainers")) {
        Trees.items(spec, list).forEach(containers::add);
      }
      return new Subject(pod.path("metadata"), spec, containers, minor);
    }

    JsonNode context() {
      return spec.path("securityContext");
    }

    /// A pod in a user namespace of its own may be root in there (KEP-127).
    boolean hasOwnUsers() {
      JsonNode hostUsers = Trees.at(spec, "hostUsers");
      return minor >= 35 && hostUsers != null && !hostUsers.asBoolean();
    }

    /// Linux's means mean nothing there.
    boolean isWindows() {
      return minor >= 25 && Trees.text(spec, "os", "name").equals("windows");
    }
  }

  static String name(JsonNode container) {
    return Trees.text(container, "name");
  }

  /// `container "a"`, `containers "a", "b"`.
  static String containers(List<String> names) {
    return (names.size() == 1 ? "container " : "containers ") + quoted(names);
  }

  static String quoted(Iterable<String> names) {
    StringBuilder text = new StringBuilder();
    for (String name : names) {
      text.append(text.isEmpty() ? "\"" : ", \"").append(name).append('"');
    }
    return text.toString();
  }

  static boolean has(JsonNode holder, String field) {
    return holder.get(field) instanceof ObjectNode;
  }
}
