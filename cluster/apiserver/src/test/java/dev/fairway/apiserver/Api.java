// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.Yaml;
import dev.fairway.apiserver.streaming.KubeletTls;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/// Bare requests as a user, for answers that clients hide, such as warnings.
final class Api implements AutoCloseable {
  private static final Pattern WARNING = Pattern.compile("299 - \"((?:[^\"\\\\]|\\\\.)*)\"");
  private static final Map<String, String> PLURALS =
      Map.ofEntries(
          Map.entry("Pod", "pods"),
          Map.entry("ConfigMap", "configmaps"),
          Map.entry("Service", "services"),
          Map.entry("LimitRange", "limitranges"),
          Map.entry("ResourceQuota", "resourcequotas"),
          Map.entry("ServiceAccount", "serviceaccounts"),
          Map.entry("PersistentVolumeClaim", "persistentvolumeclaims"),
          Map.entry("Deployment", "deployments"),
          Map.entry("Ingress", "ingresses"));

  private final TestServer server;
  private final HttpClient http;

  /// An answer.
  record Answer(int code, JsonNode body, List<String> warnings) {
    String message() {
      return Trees.text(body, "message");
    }

    String at(String... path) {
      JsonNode found = Trees.at(body, path);
      return found == null ? "" : found.asString(found.toString());
    }
  }

  Api(TestServer server, String user) throws IOException {
    this.server = server;
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .sslContext(
                KubeletTls.context(
                    server.pki().file(user + ".crt"),
                    server.pki().file(user + ".key"),
                    server.pki().file("ca.crt")))
            .build();
  }

  Answer send(String method, String path, String type, String body) throws Exception {
    HttpResponse<byte[]> answer =
        http.send(
            HttpRequest.newBuilder(
                    URI.create("https://127.0.0.1:" + server.address().getPort() + path))
                .timeout(Duration.ofSeconds(60))
                .header("Content-Type", type)
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofByteArray());
    List<String> warnings = new ArrayList<>();
    for (String header : answer.headers().allValues("warning")) {
      Matcher matcher = WARNING.matcher(header);
      while (matcher.find()) {
        warnings.add(matcher.group(1).replace("\\\"", "\"").replace("\\\\", "\\"));
      }
    }
    return new Answer(answer.statusCode(), Trees.read(answer.body()), warnings);
  }

  Answer post(String path, String yaml) throws Exception {
    return send("POST", path, "application/yaml", yaml);
  }

  Answer put(String path, String yaml) throws Exception {
    return send("PUT", path, "application/yaml", yaml);
  }

  Answer merge(String path, String json) throws Exception {
    return send("PATCH", path, "application/merge-patch+json", json);
  }

  Answer get(String path) throws Exception {
    return send("GET", path, "application/json", "");
  }

  Answer delete(String path) throws Exception {
    return send("DELETE", path, "application/json", "");
  }

  /// Creates a namespaced object.
  Answer create(String namespace, String yaml) throws Exception {
    JsonNode object = Yaml.read(yaml.getBytes(StandardCharsets.UTF_8));
    String version = Trees.text(object, "apiVersion");
    return post(
        (version.contains("/") ? "/apis/" : "/api/")
            + version
            + "/namespaces/"
            + namespace
            + "/"
            + PLURALS.get(Trees.text(object, "kind")),
        yaml);
  }

  /// A namespace that pods can be made in.
  void namespace(String name, String labels) throws Exception {
    Answer made =
        post(
            "/api/v1/namespaces",
            "{apiVersion: v1, kind: Namespace, metadata: {name: "
                + name
                + ", labels: {"
                + labels
                + "}}}");
    assertThat(made.code()).as(made.message()).isEqualTo(201);
    create(name, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}");
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
