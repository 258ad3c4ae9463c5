// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apiserver.streaming.KubeletTls;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A list that goes out in pieces is the same as one that goes out whole.
class LongListTest {
  private static final int OBJECTS = 5;
  private static final int BYTES = 200_000;

  @Test
  void allOfItArrives(@TempDir Path directory) throws Exception {
    try (TestServer server = new TestServer(directory)) {
      StringBuilder objects = new StringBuilder();
      for (int i = 0; i < OBJECTS; i++) {
        objects.append(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: big-%d}, data: {x: %s}}\n---\n"
                .formatted(i, "x".repeat(BYTES)));
      }
      String kubectl = TestServer.kubectls().getLast();
      var made = server.kubectlAs("admin", kubectl, objects.toString(), "create", "-f", "-");
      assertThat(made.exit()).as(made.err()).isZero();
      URI uri =
          URI.create(
              "https://127.0.0.1:"
                  + server.address().getPort()
                  + "/api/v1/namespaces/default/configmaps");
      for (HttpClient.Version version :
          List.of(HttpClient.Version.HTTP_1_1, HttpClient.Version.HTTP_2)) {
        try (HttpClient client =
            HttpClient.newBuilder()
                .version(version)
                .sslContext(
                    KubeletTls.context(
                        server.pki().file("admin.crt"),
                        server.pki().file("admin.key"),
                        server.pki().file("ca.crt")))
                .build()) {
          JsonNode plain = read(client, HttpRequest.newBuilder(uri), false);
          JsonNode packed =
              read(client, HttpRequest.newBuilder(uri).header("Accept-Encoding", "gzip"), true);
          assertThat(packed).isEqualTo(plain);
          assertThat(plain.path("items")).hasSize(OBJECTS);
          assertThat(plain.path("items").path(OBJECTS - 1).path("data").path("x").asString())
              .hasSize(BYTES);
        }
      }
    }
  }

  private static JsonNode read(HttpClient client, HttpRequest.Builder request, boolean packed)
      throws Exception {
    var answer = client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    assertThat(answer.headers().firstValue("content-encoding").isPresent()).isEqualTo(packed);
    try (var body = packed ? new GZIPInputStream(answer.body()) : answer.body()) {
      return JsonMapper.shared().readTree(body.readAllBytes());
    }
  }
}
