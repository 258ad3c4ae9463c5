// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.apiserver.streaming.Backends;
import dev.fairway.net.IpAddress;
import dev.fairway.store.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The `proxy` of pods and Services: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`, then the path.
final class Proxies {
  private static final int NO_PORT = -1;

  private final Registry registry;
  private final Backends backends;

  Proxies(Registry registry, Backends backends) {
    this.registry = registry;
    this.backends = backends;
  }

  /// The words of a name.
  private record Meant(String scheme, String name, String port) {
    static Meant of(String text) {
      String[] words = text.split(":", -1);
      Meant meant =
          switch (words.length) {
            case 1 -> new Meant("http", words[0], "");
            case 2 -> new Meant("http", words[0], words[1]);
            case 3 -> new Meant(words[0].isEmpty() ? "http" : words[0], words[1], words[2]);
            default -> new Meant("", "", "");
          };
      if (meant.name.isEmpty() || !(meant.scheme.equals("http") || meant.scheme.equals("https"))) {
        throw StatusException.badRequest(
            "invalid proxy request \"" + text + "\": it is NAME, NAME:PORT or http(s):NAME:PORT");
      }
      return meant;
    }

    int defaultPort() {
      return scheme.equals("https") ? 443 : 80;
    }

    /// The port if it is a number.
    int number() {
      try {
        int number = Integer.parseInt(port);
        return number >= 1 && number <= 65535 ? number : NO_PORT;
      } catch (NumberFormatException e) {
        return NO_PORT;
      }
    }
  }

  private record Server(String address, int port) {}

  void proxy(Call call, ResourcePath path) throws InterruptedException {
    if (call.request().headers().containsKey("upgrade")) {
      throw StatusException.badRequest("upgraded connections are not handed on by this proxy");
    }
    String sent = call.request().path();
    int shown = end(sent);
    String raw = call.query().raw();
    String query = raw.isEmpty() ? "" : "?" + raw;
    boolean reads = call.request().method().equals("GET") || call.request().method().equals("HEAD");
    if (shown == sent.length() && reads) {
      // So that relative links in the answer lead to below the proxy.
      call.exchange().respond(301, Map.of("location", sent + "/" + query), new byte[0]);
      return;
    }
    Meant meant = Meant.of(path.name());
    Server server =
        path.kind().is("", "Pod") ? pod(path, meant) : endpoint(path.namespace(), meant);
    String rest = shown == sent.length() ? "/" : sent.substring(shown);
    backends.relay(
        call.exchange(),
        new Backends.Target(
            meant.scheme(),
            address(server.address()),
            server.port(),
            rest + query,
            sent.substring(0, shown)));
  }

  private static IpAddress address(String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw StatusException.unavailable("address not understood: " + e.getMessage());
    }
  }

  /// Where `/api/v1/namespaces/NAMESPACE/KIND/NAME/proxy` ends.
  private static int end(String path) {
    int at = 0;
    for (int segment = 0; segment < 7; segment++) {
      int next = path.indexOf('/', at + 1);
      at = next < 0 ? path.length() : next;
    }
    return at;
  }

  private Server pod(ResourcePath path, Meant meant) {
    ObjectNode pod =
        StoredForm.tree(path.kind(), registry.get(path.kind(), path.namespace(), meant.name()));
    String address = Trees.text(pod, "status", "podIP");
    if (address.isEmpty()) {
      throw StatusException.unavailable("pod " + meant.name() + " has no address yet");
    }
    if (!meant.port().isEmpty() && meant.number() != NO_PORT) {
      return new Server(address, meant.number());
    }
    for (JsonNode container : Trees.items(pod, "spec", "containers")) {
      for (JsonNode port : Trees.items(container, "ports")) {
        if (meant.port().isEmpty() || Trees.text(port, "name").equals(meant.port())) {
          return new Server(address, (int) Trees.number(port, NO_PORT, "containerPort"));
        }
      }
    }
    if (!meant.port().isEmpty()) {
      throw StatusException.badRequest(
          "pod " + meant.name() + " has no port \"" + meant.port() + "\"");
    }
    return new Server(address, meant.defaultPort());
  }

  private Server endpoint(String namespace, Meant meant) {
    Kind services = Registry.builtin("", "Service");
    ObjectNode service = StoredForm.tree(services, registry.get(services, namespace, meant.name()));
    String wanted = meant.port();
    if (meant.number() != NO_PORT) {
      wanted = portName(service, meant);
    }
    List<Server> ready = new ArrayList<>();
    Kind slices = Registry.builtin("discovery.k8s.io", "EndpointSlice");
    for (Entry entry : registry.store().list(slices.keyPrefix(namespace), null, 0, 0).entries()) {
      ObjectNode slice = StoredForm.tree(slices, entry);
      boolean named = Trees.text(slice, "addressType").equals("FQDN");
      if (!named
          && Trees.text(slice, "metadata", "labels", "kubernetes.io/service-name")
              .equals(meant.name())) {
        addReady(slice, wanted, ready);
      }
    }
    if (ready.isEmpty()) {
      throw StatusException.unavailable(
          "no endpoints available for service \"" + meant.name() + "\"");
    }
    return ready.get(ThreadLocalRandom.current().nextInt(ready.size()));
  }

  private static String portName(ObjectNode service, Meant meant) {
    for (JsonNode port : Trees.items(service, "spec", "ports")) {
      if (Trees.number(port, NO_PORT, "port") == meant.number()) {
        return Trees.text(port, "name");
      }
    }
    throw StatusException.unavailable(
        "no service port " + meant.port() + " found for service \"" + meant.name() + "\"");
  }

  private static void addReady(ObjectNode slice, String portName, List<Server> ready) {
    for (JsonNode port : Trees.items(slice, "ports")) {
      int number = (int) Trees.number(port, NO_PORT, "port");
      if (number == NO_PORT || !Trees.text(port, "name").equals(portName)) {
        continue;
      }
      for (JsonNode endpoint : Trees.items(slice, "endpoints")) {
        JsonNode condition = Trees.at(endpoint, "conditions", "ready");
        if (condition == null || condition.asBoolean()) {
          for (JsonNode address : Trees.items(endpoint, "addresses")) {
            ready.add(new Server(address.asString(), number));
          }
        }
      }
    }
  }
}
