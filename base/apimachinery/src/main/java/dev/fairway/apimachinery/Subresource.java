// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.util.List;

/// A part of a resource with a path of its own, such as `status` or `exec`.
///
/// @param group the group of the body's kind; empty for core, and where `kind` is empty
/// @param kind the kind of the body; empty if it is the parent's own
public record Subresource(
    String name, String group, String version, String kind, List<String> verbs) {
  private static final List<String> READ_WRITE = List.of("get", "patch", "update");
  private static final List<String> CONNECT = List.of("create", "get");
  private static final List<String> PROXY = List.of("create", "delete", "get", "patch", "update");

  public Subresource {
    verbs = List.copyOf(verbs);
  }

  static Subresource of(String parentKind, String name) {
    return switch (name) {
      case "status", "ephemeralcontainers", "resize", "approval" ->
          new Subresource(name, "", "", "", READ_WRITE);
      case "finalize" -> new Subresource(name, "", "", "", List.of("update"));
      case "scale" -> new Subresource(name, "autoscaling", "v1", "Scale", READ_WRITE);
      case "log" -> new Subresource(name, "", "", "", List.of("get"));
      case "exec" -> new Subresource(name, "", "v1", "PodExecOptions", CONNECT);
      case "attach" -> new Subresource(name, "", "v1", "PodAttachOptions", CONNECT);
      case "portforward" -> new Subresource(name, "", "v1", "PodPortForwardOptions", CONNECT);
      case "proxy" -> new Subresource(name, "", "v1", parentKind + "ProxyOptions", PROXY);
      case "binding" -> new Subresource(name, "", "v1", "Binding", List.of("create"));
      case "eviction" -> new Subresource(name, "policy", "v1", "Eviction", List.of("create"));
      case "token" ->
          new Subresource(name, "authentication.k8s.io", "v1", "TokenRequest", List.of("create"));
      default -> throw new IllegalArgumentException("unknown subresource " + name);
    };
  }
}
