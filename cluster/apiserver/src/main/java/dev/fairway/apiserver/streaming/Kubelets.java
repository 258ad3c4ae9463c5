// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.http.RawInput;
import dev.fairway.apiserver.http.Request;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
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

  /// For a kubelet to say how it answers; what follows may take as long as it wants.
  private static final Duration HEAD = Duration.ofSeconds(30);

  private static final int CHUNK_BYTES = 16 << 10;
  private static final int MAX_ERROR_BYTES = 16 << 10;

  /// Never handed on: they are about the client's own connection, or are its secrets.
  private static final Set<String> OWN_HEADERS =
      Set.of("host", "authorization", "cookie", "content-length", "transfer-encoding", "expect");

  private static final Set<String> HOP_BY_HOP =
      Set.of(
          "connection",
          "keep-alive",
          "proxy-connection",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade",
          "content-length",
          ":status");

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
    relay(exchange, URI.create("https://" + kubelet.authority() + pathAndQuery));
  }

  /// Sends the client's request to another server and hands on the answer as it comes.
  public void relay(Exchange exchange, URI target) throws InterruptedException {
    Request request = exchange.request();
    HttpRequest.Builder call =
        HttpRequest.newBuilder(target)
            .timeout(HEAD)
            .method(
                request.method(),
                request.body().length == 0
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofByteArray(request.body()));
    for (String name : List.of("accept", "content-type", "user-agent", "accept-encoding")) {
      request.header(name).ifPresent(value -> call.header(name, value));
    }
    CompletableFuture<HttpResponse<InputStream>> asked =
        http().sendAsync(call.build(), HttpResponse.BodyHandlers.ofInputStream());
    onClosed(exchange, () -> asked.cancel(true));
    try {
      HttpResponse<InputStream> answer = answer(asked);
      try (InputStream body = answer.body()) {
        onClosed(exchange, body);
        Map<String, String> headers = new LinkedHashMap<>();
        answer
            .headers()
            .map()
            .forEach((name, values) -> {
              if (!HOP_BY_HOP.contains(name.toLowerCase(Locale.ROOT))) {
                headers.put(name.toLowerCase(Locale.ROOT), values.getLast());
              }
            });
        exchange.begin(answer.statusCode(), headers);
        copy(exchange, body);
      }
    } catch (IOException broken) {
      throw unreachable(target.getAuthority(), broken);
    }
  }

  private static HttpResponse<InputStream> answer(
      CompletableFuture<HttpResponse<InputStream>> asked) throws IOException, InterruptedException {
    try {
      return asked.get();
    } catch (ExecutionException failed) {
      throw failed.getCause() instanceof IOException broken
          ? broken
          : new IOException(failed.getCause());
    } catch (CancellationException cancelled) {
      throw new IOException("the client has gone", cancelled);
    }
  }

  /// Opens the kubelet's stream and, if it agrees to the upgrade, joins it with the client's
  /// connection until either side closes.
  public void upgrade(Exchange exchange, KubeletAddress kubelet, String pathAndQuery)
      throws InterruptedException {
    try (Socket plain = new Socket()) {
      // A TLS socket's close may wait for a write that is stuck; the plain one's never does.
      onClosed(exchange, plain);
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
      throw unreachable(kubelet.authority(), broken);
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
        close(socket);
      }
    });
    try {
      copy(exchange, in);
    } catch (IOException ended) {
      // How a stream ends when the client closes first.
      LOG.debug("a stream ended: {}", ended.getMessage());
      exchange.end();
    }
  }

  private static void copy(Exchange exchange, InputStream in)
      throws IOException, InterruptedException {
    byte[] buffer = new byte[CHUNK_BYTES];
    try {
      int read;
      while ((read = in.read(buffer)) >= 0) {
        exchange.awaitRoom();
        exchange.send(Unpooled.copiedBuffer(buffer, 0, read));
      }
    } catch (IOException broken) {
      exchange.end();
      LOG.debug("an answer ended early: {}", broken.getMessage());
      return;
    }
    exchange.end();
  }

  private SSLSocket connect(Socket plain, KubeletAddress kubelet) throws IOException {
    plain.connect(new InetSocketAddress(kubelet.host(), kubelet.port()), (int) CONNECT.toMillis());
    plain.setTcpNoDelay(true);
    plain.setKeepAlive(true);
    plain.setSoTimeout((int) HEAD.toMillis());
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

  private static StatusException unreachable(String where, IOException cause) {
    return StatusException.internal("error dialing backend " + where + ": " + cause.getMessage());
  }

  /// Closers are run by the event loop of many connections, which must not wait for any of them.
  private static void onClosed(Exchange exchange, AutoCloseable open) {
    exchange.onClosed(() -> Thread.ofVirtual().name("api-close").start(() -> close(open)));
  }

  private static void close(AutoCloseable open) {
    try {
      open.close();
    } catch (Exception _) {
      // It was to be gone, and it is.
    }
  }

  @Override
  public synchronized void close() {
    if (http != null) {
      http.shutdownNow();
    }
  }
}
