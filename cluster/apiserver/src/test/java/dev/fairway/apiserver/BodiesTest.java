// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apiserver.streaming.KubeletTls;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What becomes of bodies that are too much.
final class BodiesTest {
  @TempDir static Path directory;
  private static TestServer server;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aBodyIsTakenInOnlyOfWhomIsKnownAndOnlyIfNotTooLarge(HttpClient.Version version)
      throws Exception {
    Pki pki = server.pki();
    try (HttpClient client =
        HttpClient.newBuilder()
            .version(version)
            .sslContext(
                KubeletTls.context(
                    pki.file("admin.crt"), pki.file("admin.key"), pki.file("ca.crt")))
            .build()) {
      assertThat(post(client, 1 << 10, "Bearer wrong")).isEqualTo(401);
      for (int i = 0; i < 8; i++) {
        assertThat(post(client, 2 << 20, "")).as("nothing is left behind").isEqualTo(400);
      }
      if (version == HttpClient.Version.HTTP_2) {
        assertThat(post(client, 4 << 20, "")).isEqualTo(413);
        assertThat(post(client, 4 << 20, "Bearer wrong")).isEqualTo(401);
      }
      assertThat(post(client, 1 << 10, "")).isEqualTo(400);
    }
  }

  private static int post(HttpClient client, int bytes, String authorization) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(
                URI.create(
                    "https://127.0.0.1:"
                        + server.address().getPort()
                        + "/api/v1/namespaces/default/pods"))
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[bytes]));
    if (!authorization.isEmpty()) {
      request.header("authorization", authorization);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.discarding()).statusCode();
  }
}
