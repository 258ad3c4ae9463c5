// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.http.Request;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.apiserver.streaming.KubeletAddress;
import dev.fairway.apiserver.streaming.Kubelets;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The subresources that lead to a node or a pod: log, exec, attach, portforward, proxy.
final class Connects {
  private static final Set<String> NAMES = Set.of("log", "exec", "attach", "portforward", "proxy");
  private static final String DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

  private static final String PROTOCOL = "sec-websocket-protocol";

  /// What a container runtime's streaming server speaks. A client that knows only newer ones (a
  /// kubectl) falls back to SPDY when it is refused.
  private static final List<String> CHANNELS =
      List.of(
          "v4.channel.k8s.io",
          "v4.base64.channel.k8s.io",
          "channel.k8s.io",
          "base64.channel.k8s.io");

  /// The API's names for the streams, and the kubelet's.
  private static final Map<String, String> STREAMS =
      Map.of("stdin", "input", "stdout", "output", "stderr", "error", "tty", "tty");

  private final Registry registry;
  private final Kubelets kubelets;
  private final Proxies proxies;

  Connects(Registry registry, Kubelets kubelets, Proxies proxies) {
    this.registry = registry;
    this.kubelets = kubelets;
    this.proxies = proxies;
  }

  static boolean isConnect(ResourcePath path) {
    return NAMES.contains(path.subresource())
        && path.kind().subresource(path.subresource()) != null;
  }

  void connect(Call call, ResourcePath path) throws InterruptedException {
    if (path.kind().is("", "Node")) {
      proxyNode(call, path);
      return;
    }
    if (path.subresource().equals("proxy")) {
      proxies.proxy(call, path);
      return;
    }
    ObjectNode pod =
        StoredForm.tree(path.kind(), registry.get(path.kind(), path.namespace(), path.name()));
    String node = Trees.text(pod, "spec", "nodeName");
    if (node.isEmpty()) {
      if (path.subresource().equals("log")) {
        call.exchange().respond(200, Map.of("content-type", "text/plain"), new byte[0]);
        return;
      }
      throw StatusException.badRequest("pod " + path.name() + " does not have a host assigned");
    }
    KubeletAddress kubelet = kubelet(node);
    String place = "/" + path.namespace() + "/" + path.name();
    switch (path.subresource()) {
      case "log" -> log(call, kubelet, place, pod);
      case "portforward" -> upgrade(call, kubelet, "/portForward" + place + ports(call));
      default ->
          upgrade(
              call,
              kubelet,
              "/" + path.subresource() + place + "/" + container(call, pod) + streams(call));
    }
  }

  private KubeletAddress kubelet(String node) {
    Kind nodes = Registry.builtin("", "Node");
    return KubeletAddress.of(StoredForm.tree(nodes, registry.get(nodes, "", node)));
  }

  private void log(Call call, KubeletAddress kubelet, String place, ObjectNode pod)
      throws InterruptedException {
    StringBuilder query = new StringBuilder();
    call.query()
        .values()
        .forEach((name, values) -> {
          if (!name.equals("container")) {
            values.forEach(value -> append(query, name, value));
          }
        });
    kubelets.relay(
        call.exchange(), kubelet, "/containerLogs" + place + "/" + container(call, pod) + query);
  }

  private void upgrade(Call call, KubeletAddress kubelet, String pathAndQuery)
      throws InterruptedException {
    Request request = call.request();
    if (request.wantsUpgrade("websocket")) {
      if (CHANNELS.stream().noneMatch(each -> request.headerHas(PROTOCOL, each))) {
        throw StatusException.badRequest(
            "no WebSocket protocol in common, known are " + CHANNELS + "; or use SPDY/3.1");
      }
    } else if (!request.wantsUpgrade("SPDY/3.1")) {
      throw StatusException.badRequest("Upgrade request required");
    }
    kubelets.upgrade(call.exchange(), kubelet, pathAndQuery);
  }

  /// Over WebSocket the ports are named in the request, over SPDY by each stream.
  private static String ports(Call call) {
    StringBuilder query = new StringBuilder();
    for (String ports : call.query().values().getOrDefault("ports", List.of())) {
      append(query, "port", ports);
    }
    return query.toString();
  }

  private static String streams(Call call) {
    StringBuilder query = new StringBuilder();
    for (String command : call.query().values().getOrDefault("command", List.of())) {
      append(query, "command", command);
    }
    STREAMS.forEach((theirs, kubelets) -> {
      if (call.query().flag(theirs)) {
        append(query, kubelets, "1");
      }
    });
    return query.toString();
  }

  private static void append(StringBuilder query, String name, String value) {
    query
        .append(query.isEmpty() ? '?' : '&')
        .append(URLEncoder.encode(name, StandardCharsets.UTF_8))
        .append('=')
        .append(URLEncoder.encode(value, StandardCharsets.UTF_8));
  }

  /// The container that is meant: the one asked for, the pod's default, or its only one.
  private static String container(Call call, ObjectNode pod) {
    List<String> names = new ArrayList<>();
    List<String> all = new ArrayList<>();
    for (String list : List.of("containers", "initContainers", "ephemeralContainers")) {
      for (JsonNode container : Trees.items(pod, "spec", list)) {
        all.add(Trees.text(container, "name"));
        if (list.equals("containers")) {
          names.add(Trees.text(container, "name"));
        }
      }
    }
    String wanted = call.query().get("container").orElse("");
    String podName = Trees.text(pod, "metadata", "name");
    if (wanted.isEmpty()) {
      wanted = Trees.text(pod, "metadata", "annotations", DEFAULT_CONTAINER);
    }
    if (wanted.isEmpty() && names.size() == 1) {
      wanted = names.getFirst();
    }
    if (wanted.isEmpty()) {
      throw StatusException.badRequest(
          "a container name must be specified for pod "
              + podName
              + ", choose one of: ["
              + String.join(" ", names)
              + "]");
    }
    if (!all.contains(wanted)) {
      throw StatusException.badRequest("container " + wanted + " is not valid for pod " + podName);
    }
    return wanted;
  }

  private void proxyNode(Call call, ResourcePath path) throws InterruptedException {
    String raw = call.query().raw();
    kubelets.relay(
        call.exchange(),
        kubelet(path.name()),
        "/" + path.rest() + (raw.isEmpty() ? "" : "?" + raw));
  }
}
