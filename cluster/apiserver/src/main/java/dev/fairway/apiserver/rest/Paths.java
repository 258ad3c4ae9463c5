// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.http.Request;
import dev.fairway.apiserver.registry.Warnings;
import dev.fairway.store.Store;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What is served besides resources: health, version, discovery, OpenAPI.
final class Paths {
  /// The Kubernetes minor version whose API this is.
  private static final String GIT_VERSION = "v1.36.0-fairway";

  private static final String DISCOVERY_V2 =
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  private static final String DISCOVERY_V2BETA1 =
      "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
  private static final String OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2";

  private final CustomCatalog catalog;
  private final Store store;
  private final List<String> rules;

  /// @param rules of admission, in their order
  Paths(CustomCatalog catalog, Store store, List<String> rules) {
    this.catalog = catalog;
    this.store = store;
    this.rules = rules;
  }

  /// Answers what anyone may ask, without a credential.
  boolean serveOpen(Exchange exchange) {
    switch (exchange.request().path()) {
      case "/healthz", "/livez", "/readyz" -> {
        boolean readable = store.revision() >= 0;
        text(exchange, readable ? 200 : 500, readable ? "ok" : "the store cannot be read");
      }
      case "/version", "/version/" -> json(exchange, version());
      default -> {
        return false;
      }
    }
    return true;
  }

  boolean serves(String path) {
    List<String> parts = ResourcePath.segments(path);
    if (parts.isEmpty()) {
      return true;
    }
    return switch (parts.getFirst()) {
      case "openapi" -> true;
      case "api" -> parts.size() <= 2 || (parts.size() == 3 && parts.get(2).isEmpty());
      case "apis" -> parts.size() <= 3 || (parts.size() == 4 && parts.get(3).isEmpty());
      default -> true;
    };
  }

  void serve(Exchange exchange, Identity identity) {
    Request request = exchange.request();
    List<String> parts =
        ResourcePath.segments(request.path()).stream().filter(part -> !part.isEmpty()).toList();
    if (!request.method().equals("GET") && !request.method().equals("HEAD")) {
      throw StatusException.notFoundPath();
    }
    if (parts.isEmpty()) {
      json(exchange, index());
      return;
    }
    switch (parts.getFirst()) {
      case "api" -> {
        if (parts.size() == 1) {
          groups(exchange, true);
        } else {
          found(exchange, catalog.discovery().resources("", parts.get(1)));
        }
      }
      case "apis" -> {
        switch (parts.size()) {
          case 1 -> groups(exchange, false);
          case 2 -> found(exchange, catalog.discovery().group(parts.get(1)));
          default -> found(exchange, catalog.discovery().resources(parts.get(1), parts.get(2)));
        }
      }
      case "openapi" -> openApi(exchange, parts);
      case "configz" -> json(exchange, settings());
      default -> throw StatusException.notFoundPath();
    }
  }

  /// The list of groups; in one document with all resources for those who ask for it.
  private void groups(Exchange exchange, boolean core) {
    String accept =
        String.join(",", exchange.request().headers().getOrDefault("accept", List.of()));
    if (accept.contains("as=APIGroupDiscoveryList")) {
      boolean stable =
          accept.contains("v=v2;") || accept.contains("v=v2,") || accept.endsWith("v=v2");
      if (stable || accept.contains("v=v2beta1")) {
        answer(
            exchange,
            stable ? DISCOVERY_V2 : DISCOVERY_V2BETA1,
            catalog.discovery().aggregated(core, stable ? "v2" : "v2beta1"));
        return;
      }
    }
    found(exchange, core ? catalog.discovery().api() : catalog.discovery().apis());
  }

  private void openApi(Exchange exchange, List<String> parts) {
    String version = parts.size() > 1 ? parts.get(1) : "";
    if (version.equals("v3")) {
      String path = String.join("/", parts.subList(2, parts.size()));
      found(exchange, path.isEmpty() ? catalog.openApi().v3Index() : catalog.openApi().v3(path));
    } else if (version.equals("v2") && parts.size() == 2) {
      String accept =
          String.join(",", exchange.request().headers().getOrDefault("accept", List.of()));
      if (accept.contains(OPENAPI_V2)) {
        answer(
            exchange,
            // Never with the '@' some clients ask for: Go takes that for a broken media type.
            OPENAPI_V2 + ".v1.0+protobuf",
            catalog.openApi().v2Protobuf());
      } else {
        found(exchange, catalog.openApi().v2());
      }
    } else {
      throw StatusException.notFoundPath();
    }
  }

  /// What one may want to know of how this server is set up.
  private ObjectNode settings() {
    ObjectNode settings = Trees.object();
    ArrayNode list = settings.putObject("admission").putArray("order");
    rules.forEach(list::add);
    return settings;
  }

  private ObjectNode index() {
    ObjectNode index = Trees.object();
    ArrayNode list = index.putArray("paths");
    List.of(
            "/api",
            "/api/v1",
            "/apis",
            "/configz",
            "/healthz",
            "/livez",
            "/openapi/v2",
            "/openapi/v3",
            "/readyz",
            "/version")
        .forEach(list::add);
    return index;
  }

  private static ObjectNode version() {
    ObjectNode version = Trees.object();
    version.put("major", "1");
    version.put("minor", "36");
    version.put("gitVersion", GIT_VERSION);
    version.put("gitCommit", "");
    version.put("gitTreeState", "clean");
    version.put("buildDate", "1970-01-01T00:00:00Z");
    version.put("goVersion", "");
    version.put("compiler", "javac");
    version.put("platform", "linux/amd64");
    return version;
  }

  private static void found(Exchange exchange, byte @Nullable [] document) {
    if (document == null) {
      throw StatusException.notFoundPath();
    }
    answer(exchange, "application/json", document);
  }

  private static void json(Exchange exchange, ObjectNode tree) {
    answer(exchange, "application/json", Trees.write(tree));
  }

  private static void text(Exchange exchange, int status, String text) {
    exchange.respond(
        status,
        Map.of("content-type", "text/plain; charset=utf-8"),
        text.getBytes(StandardCharsets.UTF_8));
  }

  private static void answer(Exchange exchange, String mediaType, byte[] body) {
    // A Call only for its gzip and headers; nobody in particular asks.
    new Call(exchange, NOBODY, Form.JSON, new Warnings()).bytes(200, mediaType, body, List.of());
  }

  private static final Identity NOBODY = new Identity("", "", List.of(), Map.of());
}
