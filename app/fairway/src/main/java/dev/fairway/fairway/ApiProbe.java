// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Pki;
import dev.fairway.provision.ProvisionException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Asks the API server the few things that `up` waits for, and gives it the one it adds. A full
/// client would take longer to start than the answers take to come.
final class ApiProbe {
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final int OK = 200;
  private static final int CREATED = 201;
  private static final int CONFLICT = 409;

  private final String url;
  private final HttpClient client;

  ApiProbe(ClusterSpec spec, ClusterPaths paths) {
    this.url = spec.apiUrl();
    try {
      this.client =
          HttpClient.newBuilder()
              .sslContext(
                  ClientTls.context(
                      Pki.authority(paths),
                      Pki.certificate(paths, "admin"),
                      Pki.key(paths, "admin")))
              .version(HttpClient.Version.HTTP_1_1)
              .connectTimeout(PATIENCE)
              .build();
    } catch (IOException | GeneralSecurityException e) {
      throw new ProvisionException(
          "the certificates in " + paths.pki() + " cannot be used: " + e.getMessage(), e);
    }
  }

  boolean isReady() {
    return get("/readyz").isPresent();
  }

  boolean isNodeReady(String node) {
    Optional<String> body = get("/api/v1/nodes/" + node);
    if (body.isEmpty()) {
      return false;
    }
    for (JsonNode condition : JsonMapper.shared().readTree(body.get()).at("/status/conditions")) {
      if (condition.path("type").asString("").equals("Ready")) {
        return condition.path("status").asString("").equals("True");
      }
    }
    return false;
  }

  /// The Node objects.
  ///
  /// @throws ProvisionException if the API server does not answer
  List<JsonNode> nodes() {
    String body =
        get("/api/v1/nodes")
            .orElseThrow(() -> new ProvisionException("it does not answer at " + url));
    List<JsonNode> nodes = new ArrayList<>();
    JsonMapper.shared().readTree(body).path("items").forEach(nodes::add);
    return nodes;
  }

  /// An object as it is.
  ///
  /// @throws ProvisionException if it is not there
  String object(String path) {
    return get(path)
        .orElseThrow(() -> new ProvisionException("the API server at " + url + " has no " + path));
  }

  /// Changes an object by a merge patch (RFC 7396).
  ///
  /// @throws ProvisionException if the API server refuses
  void patch(String path, String patch) throws InterruptedException {
    send(path, "PATCH", "application/merge-patch+json", patch, List.of(OK));
  }

  /// Creates an object; one that is there already stays.
  ///
  /// @throws ProvisionException if the API server refuses
  void create(String collection, String name, String object) throws InterruptedException {
    if (get(collection + "/" + name).isPresent()) {
      return;
    }
    send(collection, "POST", "application/json", object, List.of(CREATED, CONFLICT));
  }

  private void send(String path, String method, String type, String body, List<Integer> good)
      throws InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url + path))
            .timeout(PATIENCE)
            .header("Content-Type", type)
            .method(method, BodyPublishers.ofString(body))
            .build();
    try {
      var response = client.send(request, BodyHandlers.ofString());
      if (!good.contains(response.statusCode())) {
        throw new ProvisionException(
            "the API server refuses what belongs in " + path + ": " + response.body());
      }
    } catch (IOException e) {
      throw new ProvisionException("the API server does not answer: " + e.getMessage(), e);
    }
  }

  /// The body of a good answer, empty for any other or for none.
  private Optional<String> get(String path) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url + path)).timeout(PATIENCE).GET().build();
    try {
      var response = client.send(request, BodyHandlers.ofString());
      return response.statusCode() == OK ? Optional.of(response.body()) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }
}
