// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.http.RawInput;
import dev.fairway.apiserver.http.Request;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Calls to kubelets with the API server's own client certificate. All calls block; they are for
/// virtual threads.
public final class Kubelets implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Kubelets.class);
  private static final Duration CONNECT = Duration.ofSeconds(10);

  private static final int MAX_ERROR_BYTES = 16 << 10;

  /// Never handed on: they are about the client's own connection, or are its secrets.
  private static final Set<String> OWN_HEADERS =
      Set.of("host", "authorization", "cookie", "content-length", "transfer-encoding", "expect");

  private static final Set<String> HANDED_ON =
      Set.of("accept", "content-type", "user-agent", "accept-encoding");

  private final SSLContext tls;
  private final Executor threads;
  private @Nullable HttpClient http;

  public Kubelets(SSLContext tls, Executor threads) {
    this.tls = tls;
    this.threads = threads;
  }

  private synchronized HttpClient http() {
    if (http == null) {
      http =
          HttpClient.newBuilder()
              .sslContext(tls)
              .version(HttpClient.Version.HTTP_1_1)
              .connectTimeout(CONNECT)
              .executor(threads)
              .build();
    }
    return http;
  }

  /// Fetches a kubelet's answer and hands it on as it comes.
  public void relay(Exchange exchange, KubeletAddress kubelet, String pathAndQuery)
      throws InterruptedException {
    Relay.relay(
        http(),
        exchange,
        URI.create("https://" + kubelet.authority() + pathAndQuery),
        HANDED_ON::contains,
        place -> place);
  }

  /// Opens the kubelet's stream and, if it agrees to the upgrade, joins it with the client's
  /// connection until either side closes.
  public void upgrade(Exchange exchange, KubeletAddress kubelet, String pathAndQuery)
      throws InterruptedException {
    try (Socket plain = new Socket()) {
      // A TLS socket's close may wait for a write that is stuck; the plain one's never does.
      Relay.onClosed(exchange, plain);
      SSLSocket socket = connect(plain, kubelet);
      OutputStream out = socket.getOutputStream();
      out.write(requestHead(exchange.request(), kubelet, pathAndQuery));
      out.flush();
      InputStream in = socket.getInputStream();
      ResponseHead head = ResponseHead.read(in);
      if (head.status() != 101) {
        refused(exchange, head, in);
        return;
      }
      socket.setSoTimeout(0);
      splice(exchange, socket, head, in, out);
    } catch (IOException broken) {
      throw Relay.unreachable(kubelet.authority(), broken);
    }
  }

  private void splice(
      Exchange exchange, SSLSocket socket, ResponseHead head, InputStream in, OutputStream out)
      throws InterruptedException {
    RawInput input = exchange.takeOver(head.bytes());
    threads.execute(() -> {
      try {
        input.drainTo(out);
      } catch (IOException _) {
        // The other direction sees the end and closes both.
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      } finally {
        Relay.close(socket);
      }
    });
    try {
      Relay.copy(exchange, in);
    } catch (IOException ended) {
      // How a stream ends when the client closes first.
      LOG.debug("a stream ended: {}", ended.getMessage());
      exchange.end();
    }
  }

  private SSLSocket connect(Socket plain, KubeletAddress kubelet) throws IOException {
    plain.connect(new InetSocketAddress(kubelet.host(), kubelet.port()), (int) CONNECT.toMillis());
    plain.setTcpNoDelay(true);
    plain.setKeepAlive(true);
    plain.setSoTimeout((int) Relay.HEAD.toMillis());
    SSLSocket socket =
        (SSLSocket)
            tls.getSocketFactory().createSocket(plain, kubelet.host(), kubelet.port(), true);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    return socket;
  }

  private static byte[] requestHead(Request request, KubeletAddress kubelet, String pathAndQuery) {
    StringBuilder head = new StringBuilder(512);
    head.append(request.method()).append(' ').append(pathAndQuery).append(" HTTP/1.1\r\n");
    head.append("Host: ").append(kubelet.authority()).append("\r\n");
    request
        .headers()
        .forEach((name, values) -> {
          if (!OWN_HEADERS.contains(name)) {
            for (String value : values) {
              head.append(name).append(": ").append(value).append("\r\n");
            }
          }
        });
    head.append("Content-Length: 0\r\n\r\n");
    return head.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /// The kubelet's refusal is mostly one line of text, or a Status; hand it on.
  private static void refused(Exchange exchange, ResponseHead head, InputStream in)
      throws IOException {
    int length = MAX_ERROR_BYTES;
    try {
      length =
          Math.min(length, Integer.parseInt(head.headers().getOrDefault("content-length", "0")));
    } catch (NumberFormatException _) {
      length = 0;
    }
    byte[] body = in.readNBytes(Math.max(length, 0));
    exchange.respond(
        head.status(),
        Map.of("content-type", head.headers().getOrDefault("content-type", "text/plain")),
        body);
  }

  @Override
  public synchronized void close() {
    if (http != null) {
      http.shutdownNow();
    }
  }
}
