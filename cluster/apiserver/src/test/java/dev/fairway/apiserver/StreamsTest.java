// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apiserver.streaming.KubeletTls;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The way to a node, with a small TLS server in the kubelet's place.
final class StreamsTest {
  private static final String LOG = "GET /api/v1/namespaces/default/pods/p/log HTTP/1.1";

  @TempDir static Path directory;
  private static TestServer server;
  private static Node node;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    node = new Node(server.pki());
    String kubectl = TestServer.kubectls().getLast();
    String objects =
        """
        {apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}
        ---
        {apiVersion: v1, kind: Node, metadata: {name: w0}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: p}
        spec: {nodeName: w0, containers: [{name: c, image: i}]}
        """;
    var made = server.kubectlAs("admin", kubectl, objects, "apply", "-f", "-");
    assertThat(made.exit()).as(made.all()).isZero();
    String status =
        "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"127.0.0.1\"}],"
            + "\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":"
            + node.port()
            + "}}}}";
    var patched =
        server.kubectl(
            kubectl, "patch", "node", "w0", "--subresource=status", "--type=merge", "-p", status);
    assertThat(patched.exit()).as(patched.all()).isZero();
  }

  @AfterAll
  static void stop() throws Exception {
    node.close();
    server.close();
  }

  @Test
  void logsAreRelayed() throws Exception {
    for (String kubectl : TestServer.kubectls()) {
      var said = server.kubectl(kubectl, "logs", "p", "--tail=5");
      assertThat(said.out()).isEqualTo("line of /containerLogs/default/p/c?tailLines=5\n");
    }
  }

  @Test
  void bytesGoBothWaysAfterAnUpgrade() throws Exception {
    byte[] sent = new byte[3 << 20];
    new Random(1).nextBytes(sent);
    try (SSLSocket socket = connect()) {
      OutputStream out = socket.getOutputStream();
      out.write(
          head(
              "POST /api/v1/namespaces/default/pods/p/exec?command=sh&stdin=true&stdout=1 HTTP/1.1",
              "Host: x",
              "Connection: Upgrade",
              "Upgrade: SPDY/3.1",
              "X-Stream-Protocol-Version: v4.channel.k8s.io",
              "Content-Length: 0"));
      InputStream in = socket.getInputStream();
      assertThat(head(in))
          .startsWith("HTTP/1.1 101 Switching Protocols")
          .contains("X-Kubelet: yes");
      Thread writer =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  out.write(sent);
                  out.flush();
                } catch (IOException broken) {
                  throw new IllegalStateException(broken);
                }
              });
      assertThat(Arrays.equals(in.readNBytes(sent.length), sent)).isTrue();
      writer.join();
    }
    assertThat(node.heads.getLast())
        .startsWith("POST /exec/default/p/c?command=sh&")
        .contains("input=1", "output=1", "x-stream-protocol-version: v4.channel.k8s.io");
  }

  @Test
  void channelsOverWebSocketGoToTheNode() throws Exception {
    for (String path : List.of("exec?command=sh&stdout=1", "portforward?ports=80%2C81")) {
      try (SSLSocket socket = connect()) {
        socket
            .getOutputStream()
            .write(
                head(
                    "GET /api/v1/namespaces/default/pods/p/" + path + " HTTP/1.1",
                    "Host: x",
                    "Connection: Upgrade",
                    "Upgrade: websocket",
                    "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                    "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io"));
        InputStream in = socket.getInputStream();
        assertThat(head(in)).startsWith("HTTP/1.1 101").contains("X-Kubelet: yes");
        socket.getOutputStream().write(42);
        assertThat(in.read()).isEqualTo(42);
      }
      String head = node.heads.getLast();
      assertThat(head).contains("v4.channel.k8s.io", "sec-websocket-key: AAAA");
      assertThat(head)
          .startsWith(
              path.startsWith("exec")
                  ? "GET /exec/default/p/c?command=sh&output=1 "
                  : "GET /portForward/default/p?port=80%2C81 ");
    }
  }

  @Test
  void newerKubectlsFallBackFromWebSocket() throws Exception {
    for (String kubectl : TestServer.kubectls()) {
      node.heads.clear();
      node.refuseUpgrades = true;
      var said = server.kubectl(kubectl, "exec", "p", "--", "true");
      node.refuseUpgrades = false;
      assertThat(said.exit()).isNotZero();
      assertThat(said.err()).contains("not now");
      assertThat(node.heads)
          .anyMatch(head -> head.startsWith("POST /exec/default/p/c?command=true"));
    }
  }

  @Test
  void anUnreachableNodeIsNamed() throws Exception {
    String kubectl = TestServer.kubectls().getLast();
    var said = server.kubectl(kubectl, "logs", "absent");
    assertThat(said.err()).contains("pods \"absent\" not found");
    assertThat(server.kubectl(kubectl, "logs", "p", "-c", "other").err())
        .contains("container other is not valid for pod p");
  }

  @Test
  void aClientThatLeavesEndsTheWayToASilentNode() throws Exception {
    node.silent = true;
    try {
      for (String request :
          List.of("POST /api/v1/namespaces/default/pods/p/exec?command=sh HTTP/1.1", LOG)) {
        try (SSLSocket socket = connect()) {
          socket
              .getOutputStream()
              .write(head(request, "Host: x", "Connection: Upgrade", "Upgrade: SPDY/3.1"));
          assertThat(node.waiting.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(node.left.tryAcquire(60, TimeUnit.SECONDS)).as(request).isTrue();
      }
    } finally {
      node.silent = false;
    }
  }

  private static SSLSocket connect() throws IOException {
    Pki pki = server.pki();
    SSLContext tls =
        KubeletTls.context(pki.file("admin.crt"), pki.file("admin.key"), pki.file("ca.crt"));
    return (SSLSocket) tls.getSocketFactory().createSocket("127.0.0.1", server.address().getPort());
  }

  private static byte[] head(String... lines) {
    return (String.join("\r\n", lines) + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
  }

  private static String head(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("ended after: " + head);
      }
      head.append((char) next);
    }
    return head.toString();
  }

  /// Answers upgrades with an echo, anything else with its own path.
  private static final class Node implements AutoCloseable {
    final List<String> heads = new CopyOnWriteArrayList<>();
    final Semaphore waiting = new Semaphore(0);
    final Semaphore left = new Semaphore(0);
    volatile boolean refuseUpgrades;
    volatile boolean silent;
    private final SSLServerSocket listener;

    Node(Pki pki) throws IOException {
      SSLContext tls =
          KubeletTls.context(pki.file("server.crt"), pki.file("server.key"), pki.file("ca.crt"));
      listener = (SSLServerSocket) tls.getServerSocketFactory().createServerSocket(0);
      listener.setNeedClientAuth(true);
      Thread.ofVirtual().start(this::accept);
    }

    int port() {
      return listener.getLocalPort();
    }

    private void accept() {
      while (true) {
        try {
          SSLSocket socket = (SSLSocket) listener.accept();
          Thread.ofVirtual().start(() -> serve(socket));
        } catch (IOException _) {
          return;
        }
      }
    }

    private void serve(SSLSocket socket) {
      try (socket) {
        InputStream in = socket.getInputStream();
        OutputStream out = socket.getOutputStream();
        String head = head(in);
        heads.add(head);
        if (silent) {
          waiting.release();
          try {
            in.read();
          } finally {
            left.release();
          }
        } else if (!head.contains("SPDY/3.1") && !head.contains("websocket")) {
          String line = "line of " + head.split(" ")[1] + "\n";
          answer(out, "200 OK", line);
        } else if (refuseUpgrades) {
          answer(out, "503 Service Unavailable", "not now");
        } else {
          out.write(
              head(
                  "HTTP/1.1 101 Switching Protocols",
                  "Connection: Upgrade",
                  "Upgrade: SPDY/3.1",
                  "X-Kubelet: yes"));
          in.transferTo(out);
        }
      } catch (IOException _) {
        // The other side closed.
      }
    }

    private static void answer(OutputStream out, String status, String body) throws IOException {
      out.write(
          head(
              "HTTP/1.1 " + status,
              "Content-Type: text/plain",
              "Connection: close",
              "Content-Length: " + body.length()));
      out.write(body.getBytes(StandardCharsets.US_ASCII));
      out.flush();
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }
}
