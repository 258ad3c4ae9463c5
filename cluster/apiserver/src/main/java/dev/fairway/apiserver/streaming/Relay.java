// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.http.Request;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Hands a request on to another server, and its answer back as it comes.
final class Relay {
  /// For a server to say how it answers; what follows may take as long as it wants.
  static final Duration HEAD = Duration.ofSeconds(30);

  private static final Logger LOG = LoggerFactory.getLogger(Relay.class);
  private static final int CHUNK_BYTES = 16 << 10;

  private static final Set<String> HOP_BY_HOP =
      Set.of(
          "connection",
          "keep-alive",
          "proxy-authenticate",
          "proxy-connection",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade",
          "content-length",
          ":status");

  private Relay() {}

  /// Whether a header is about one connection only.
  static boolean isHopByHop(String name) {
    return HOP_BY_HOP.contains(name);
  }

  /// Sends the client's request to another server and hands on the answer.
  ///
  /// @param hands which of the client's headers go on, by their names in lower case
  /// @param location what becomes of the place that the answer redirects to
  static void relay(
      HttpClient http,
      Exchange exchange,
      URI target,
      Predicate<String> hands,
      UnaryOperator<String> location)
      throws InterruptedException {
    Request request = exchange.request();
    HttpRequest.Builder call =
        HttpRequest.newBuilder(target)
            .timeout(HEAD)
            .method(
                request.method(),
                request.body().length == 0
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofByteArray(request.body()));
    request
        .headers()
        .forEach((name, values) -> {
          if (hands.test(name)) {
            values.forEach(value -> call.header(name, value));
          }
        });
    CompletableFuture<HttpResponse<InputStream>> asked =
        http.sendAsync(call.build(), HttpResponse.BodyHandlers.ofInputStream());
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
              String lower = name.toLowerCase(Locale.ROOT);
              if (lower.equals("location")) {
                headers.put(lower, location.apply(values.getLast()));
              } else if (!isHopByHop(lower)) {
                headers.put(lower, values.getLast());
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

  /// Hands on bytes until they end.
  static void copy(Exchange exchange, InputStream in) throws IOException, InterruptedException {
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

  static StatusException unreachable(String where, IOException cause) {
    return StatusException.internal("error dialing backend " + where + ": " + cause.getMessage());
  }

  /// Closers are run by the event loop of many connections, which must not wait for any of them.
  static void onClosed(Exchange exchange, AutoCloseable open) {
    exchange.onClosed(() -> Thread.ofVirtual().name("api-close").start(() -> close(open)));
  }

  static void close(AutoCloseable open) {
    try {
      open.close();
    } catch (Exception _) {
      // It was to be gone, and it is.
    }
  }
}
