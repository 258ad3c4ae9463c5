// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.kubelet.api.NodeApi;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The node's API over TLS, with a pod on a real containerd behind it.
class NodeApiTest {
  private static Containerd containerd;
  private static TestNode node;
  private static NodeApi api;
  private static TestAuthority authority;
  private static final Pod POD =
      PodLifeTest.pod("talker", "for i in 1 2 3 4 5; do echo line $i; done; cat; sleep 1000");

  @BeforeAll
  static void begin() throws Exception {
    containerd = new Containerd();
    node = new TestNode(containerd);
    authority = new TestAuthority();
    KubeletConfig.Tls tls = authority.serving(containerd.directory);
    api =
        NodeApi.start(
            tls.certificate(),
            tls.key(),
            tls.clientAuthority(),
            0,
            new PodLookup(node.pods, node.config, new KubernetesSerialization()),
            node.cri);
    node.run(POD);
    node.await(POD, "runs", s -> "Running".equals(s.getPhase()));
    Await.until("five lines are logged", () -> logs("").lines().count() == 5);
  }

  @AfterAll
  static void end() throws Exception {
    api.close();
    node.close();
    containerd.close();
  }

  @Test
  void logsAreCutAsAskedFor() {
    assertThat(logs("")).isEqualTo("line 1\nline 2\nline 3\nline 4\nline 5\n");
    assertThat(logs("?tailLines=2")).isEqualTo("line 4\nline 5\n");
    assertThat(logs("?tailLines=0")).isEmpty();
    assertThat(logs("?tailLines=99")).hasLineCount(5);
    assertThat(logs("?limitBytes=8")).isEqualTo("line 1\nl");
    assertThat(logs("?sinceTime=2999-01-01T00:00:00Z")).isEmpty();
    assertThat(logs("?timestamps=true&tailLines=1")).matches("20\\d\\d-.*T.*Z line 5\n");
    assertThat(logs("?tailLines=x")).isEqualTo("tailLines 'x' is not a whole number\n");
    assertThat(logs("?previous=true")).contains("previous terminated container");
  }

  @Test
  void aFollowedLogEndsWithItsContainer() throws Exception {
    Pod brief = PodLifeTest.never(PodLifeTest.pod("brief", "echo one; sleep 1; echo two"));
    node.run(POD, brief);
    node.await(brief, "runs", s -> "Running".equals(s.getPhase()));
    assertThat(get("/containerLogs/default/brief/main?follow=true", admin()).body())
        .isEqualTo("one\ntwo\n");
    node.run(POD);
  }

  @Test
  void onlyAdministratorsAndTheApiServerMayAsk() throws Exception {
    assertThat(get("/healthz", admin()).statusCode()).isEqualTo(200);
    assertThat(get("/healthz", client("CN=kube-apiserver-kubelet-client")).statusCode())
        .isEqualTo(200);
    assertThat(get("/healthz", client("CN=system:node:node-b, O=system:nodes")).statusCode())
        .isEqualTo(403);
    assertThat(get("/pods", admin()).body()).contains("\"talker\"");
    assertThat(get("/nothing", admin()).statusCode()).isEqualTo(404);
    assertThat(get("/exec/default/talker/main?command=id", admin()).statusCode()).isEqualTo(400);
  }

  @Test
  void aCommandsStreamsPassThrough() throws Exception {
    StringBuilder output = new StringBuilder();
    CompletableFuture<String> done = new CompletableFuture<>();
    WebSocket socket =
        admin()
            .newWebSocketBuilder()
            .subprotocols("v4.channel.k8s.io")
            .buildAsync(
                URI.create(
                    "wss://127.0.0.1:"
                        + api.port()
                        + "/exec/default/talker/main?command=sh&command=-c"
                        + "&command=read%20a;%20echo%20got%20$a;%20exit%205"
                        + "&input=1&output=1&error=1"),
                new Channels(output, done))
            .get(60, TimeUnit.SECONDS);
    byte[] input = "\0words\n".getBytes(StandardCharsets.UTF_8);
    socket.sendBinary(ByteBuffer.wrap(input), true).get(60, TimeUnit.SECONDS);
    assertThat(done.get(60, TimeUnit.SECONDS)).contains("got words").contains("\"message\":\"5\"");
  }

  /// Collects what comes on all channels; the first byte of each message is its channel.
  private record Channels(StringBuilder output, CompletableFuture<String> done)
      implements WebSocket.Listener {
    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      output.append(StandardCharsets.UTF_8.decode(data));
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      done.complete(output.toString());
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      done.completeExceptionally(error);
    }
  }

  private static String logs(String query) {
    try {
      return get("/containerLogs/default/talker/main" + query, admin()).body();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static HttpClient admin() throws Exception {
    return client("CN=admin, O=system:masters");
  }

  private static HttpClient client(String subject) throws Exception {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .sslContext(authority.client(subject))
        .build();
  }

  private static HttpResponse<String> get(String path, HttpClient client) throws Exception {
    URI uri = URI.create("https://127.0.0.1:" + api.port() + path);
    return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
  }
}
