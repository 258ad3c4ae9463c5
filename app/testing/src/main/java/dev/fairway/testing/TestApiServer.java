// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.auth.StaticTokens;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A running API server that nobody else knows. Its caller may do everything; as somebody else by
/// impersonation (`kubectl --as`, fabric8's `withImpersonateUsername`).
///
/// ```java
/// try (TestApiServer server = TestApiServer.start()) {
///   server.client().namespaces().list();
/// }
/// ```
public final class TestApiServer implements AutoCloseable {
  /// What runs beside the API server.
  public enum Parts {
    /// Nothing: objects change only when somebody writes them.
    API_SERVER,

    /// The controllers and the scheduler too: a Deployment gets its ReplicaSet and its pods, a
    /// namespace its service account, what an owner leaves behind is collected.
    CONTROLLERS
  }

  static final IpAddress LOOPBACK = IpAddress.parse("127.0.0.1");
  private static final String ISSUER = "https://kubernetes.default.svc.cluster.local";
  private static final int TOKEN_BYTES = 32;

  private final Store store;
  private final ApiServer server;
  private final String caCertificate;
  private final String token;
  private @Nullable RunningControllers controllers;
  private @Nullable KubernetesClient client;
  private boolean closed;

  private TestApiServer(Store store, ApiServer server, String caCertificate, String token) {
    this.store = store;
    this.server = server;
    this.caCertificate = caCertificate;
    this.token = token;
  }

  /// Starts an API server alone. When this returns it serves.
  public static TestApiServer start() {
    return start(Parts.API_SERVER);
  }

  /// Starts an API server and what shall run beside it. When this returns it serves.
  public static TestApiServer start(Parts parts) {
    try (ScratchKeys keys = ScratchKeys.make()) {
      String token = newToken();
      Store store = EmbeddedStore.inMemory();
      TestApiServer started =
          new TestApiServer(store, serve(keys, token, store), keys.caCertificateText(), token);
      try {
        if (parts == Parts.CONTROLLERS) {
          started.controllers = RunningControllers.start(started.url(), keys);
        }
      } catch (IOException | RuntimeException e) {
        started.close();
        throw e;
      }
      return started;
    } catch (IOException e) {
      throw new UncheckedIOException("the API server for tests cannot start", e);
    }
  }

  private static ApiServer serve(ScratchKeys keys, String token, Store store) throws IOException {
    Identity admin = new Identity("test-admin", "", List.of("system:masters"), Map.of());
    try {
      return ApiServer.start(
          new ApiServerConfig(
              new InetSocketAddress(LOOPBACK.toInetAddress(), 0),
              LOOPBACK,
              keys.server().certificate(),
              keys.server().key(),
              keys.caCertificate(),
              keys.tokens().key(),
              List.of(keys.tokens().certificate()),
              ISSUER,
              keys.kubeletClient().certificate(),
              keys.kubeletClient().key(),
              keys.caCertificate(),
              List.of(Prefix.parse("10.32.0.0/16")),
              30000,
              32767,
              "cluster.local",
              StaticTokens.of(Map.of(token, admin)),
              store));
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
  }

  private static String newToken() {
    byte[] random = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  /// Where it serves, such as `https://127.0.0.1:41357`.
  public String url() {
    return "https://127.0.0.1:" + server.address().getPort();
  }

  /// Who vouches for the server, as PEM text.
  public String caCertificate() {
    return caCertificate;
  }

  /// The bearer token of a caller who may do everything.
  public String token() {
    return token;
  }

  /// All of that as the text of a kubeconfig file, for any client and for kubectl.
  public String kubeconfig() {
    return """
    apiVersion: v1
    kind: Config
    clusters:
    - name: test
      cluster:
        server: %s
        certificate-authority-data: %s
    users:
    - name: test-admin
      user:
        token: %s
    contexts:
    - name: test
      context: {cluster: test, user: test-admin}
    current-context: test
    """
        .formatted(
            url(),
            Base64.getEncoder().encodeToString(caCertificate.getBytes(StandardCharsets.US_ASCII)),
            token);
  }

  /// A fabric8 client of this server, made when first asked for and closed with the server.
  public synchronized KubernetesClient client() {
    if (closed) {
      throw new IllegalStateException("this API server has been closed");
    }
    if (client == null) {
      client =
          new KubernetesClientBuilder().withConfig(Config.fromKubeconfig(kubeconfig())).build();
    }
    return client;
  }

  /// Ends it; nothing stays.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (client != null) {
      client.close();
      client = null;
    }
    if (controllers != null) {
      controllers.close();
      controllers = null;
    }
    server.close();
    store.close();
  }
}
