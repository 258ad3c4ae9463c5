// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.net.IpAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/// Calls to pods by their addresses, on behalf of who asks the API for a pod's or a Service's
/// `proxy`.
///
/// The API server knows nothing of the certificates of pods: it takes any, as upstream's does. It
/// never calls its own loopback or link-local addresses, in no writing (CVE-2020-8562): an address
/// comes from an object that many may write.
public final class Backends implements AutoCloseable {
  private static final Duration CONNECT = Duration.ofSeconds(10);

  /// The client's own secrets, and what an HTTP client writes itself.
  private static final Set<String> KEPT =
      Set.of(
          "host",
          "authorization",
          "proxy-authorization",
          "content-length",
          "expect",
          "http2-settings");

  private final Executor threads;
  private @Nullable HttpClient http;

  public Backends(Executor threads) {
    this.threads = threads;
  }

  /// One server, and under which path of the API it is shown.
  ///
  /// @param scheme `http` or `https`
  /// @param pathAndQuery as sent, with a leading slash
  /// @param shownAt what the API's own path begins with, without a slash at its end
  public record Target(
      String scheme, IpAddress address, int port, String pathAndQuery, String shownAt) {
    private String authority() {
      String host =
          switch (address.family()) {
            case IPV4 -> address.toString();
            case IPV6 -> "[" + address + "]";
          };
      return host + ":" + port;
    }

    private URI uri() {
      try {
        return URI.create(scheme + "://" + authority() + pathAndQuery);
      } catch (IllegalArgumentException e) {
        throw StatusException.badRequest("the path is no part of a URL: " + e.getMessage());
      }
    }

    /// A redirection to the server itself stays within the proxy.
    String shown(String location) {
      String own = scheme + "://" + authority();
      String path = location.startsWith(own) ? location.substring(own.length()) : location;
      return path.startsWith("/") && !path.startsWith("//") ? shownAt + path : location;
    }
  }

  /// Sends a request on and hands back the answer.
  ///
  /// @throws StatusException 400 for an address that is never called
  public void relay(Exchange exchange, Target target) throws InterruptedException {
    IpAddress address = target.address();
    if (address.isLoopback()
        || address.isLinkLocal()
        || address.isUnspecified()
        || address.isMulticast()
        || address.isIpv4Mapped()) {
      throw StatusException.badRequest("address not allowed: " + address);
    }
    Relay.relay(
        http(),
        exchange,
        target.uri(),
        name ->
            !KEPT.contains(name)
                && !Relay.isHopByHop(name)
                && !name.startsWith("impersonate-")
                && !name.startsWith(":"),
        target::shown);
  }

  private synchronized HttpClient http() {
    if (http == null) {
      http =
          HttpClient.newBuilder()
              .sslContext(anyCertificate())
              .version(HttpClient.Version.HTTP_1_1)
              .connectTimeout(CONNECT)
              .executor(threads)
              .build();
    }
    return http;
  }

  private static SSLContext anyCertificate() {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, new TrustManager[] {new AnyCertificate()}, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /// With an engine or socket at hand, nobody else checks the name in it either.
  private static final class AnyCertificate extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }

  @Override
  public synchronized void close() {
    if (http != null) {
      http.shutdownNow();
    }
  }
}
