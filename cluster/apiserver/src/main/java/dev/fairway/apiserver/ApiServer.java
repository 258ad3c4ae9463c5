// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.admission.AdmissionChain;
import dev.fairway.apiserver.admission.ServiceAddresses;
import dev.fairway.apiserver.auth.Authorizer;
import dev.fairway.apiserver.auth.IdentityRules;
import dev.fairway.apiserver.auth.Pem;
import dev.fairway.apiserver.auth.RbacRules;
import dev.fairway.apiserver.auth.ServiceAccountTokens;
import dev.fairway.apiserver.http.HttpFront;
import dev.fairway.apiserver.registry.EventExpiry;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.rest.ApiHandler;
import dev.fairway.apiserver.rest.CustomCatalog;
import dev.fairway.apiserver.streaming.Backends;
import dev.fairway.apiserver.streaming.KubeletTls;
import dev.fairway.apiserver.streaming.Kubelets;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.node.ObjectNode;

/// A running API server.
public final class ApiServer implements AutoCloseable {
  // Whoever deletes the Service of the API itself gets it back soon.
  private static final Duration KEEP_EVERY = Duration.ofSeconds(10);
  private static final Duration EXPIRE_EVERY = Duration.ofMinutes(3);

  private final HttpFront front;
  private final CustomCatalog catalog;
  private final Kubelets kubelets;
  private final Backends backends;
  private final ScheduledExecutorService timer;
  private final ExecutorService threads;

  private ApiServer(
      HttpFront front,
      CustomCatalog catalog,
      Kubelets kubelets,
      Backends backends,
      ScheduledExecutorService timer,
      ExecutorService threads) {
    this.front = front;
    this.catalog = catalog;
    this.kubelets = kubelets;
    this.backends = backends;
    this.timer = timer;
    this.threads = threads;
  }

  /// Starts to serve; when it returns, the cluster's own objects exist.
  ///
  /// @throws IOException if a key or certificate cannot be read, or the address not be bound; the
  ///   message says which
  public static ApiServer start(ApiServerConfig config) throws IOException {
    Clock clock = Clock.systemUTC();
    Parts parts = new Parts(config, clock);
    HttpFront.Tls tls =
        new HttpFront.Tls(
            Pem.privateKey(config.servingKey()),
            Pem.certificates(config.servingCertificate()),
            Pem.certificates(config.clientCa()));
    ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("api-", 0).factory());
    ScheduledExecutorService timer =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("api-timer").factory());
    CustomCatalog catalog =
        new CustomCatalog(
            config.store(), config.advertiseAddress() + ":" + config.bind().getPort());
    Kubelets kubelets =
        new Kubelets(
            KubeletTls.context(
                config.kubeletClientCertificate(), config.kubeletClientKey(), config.kubeletCa()),
            threads);
    Backends backends = new Backends(threads);
    Authorizer identity = new IdentityRules(parts.registry);
    Authorizer rbac = new RbacRules(parts.registry);
    Authorizer authorizer = (who, what) -> identity.allows(who, what) || rbac.allows(who, what);
    ApiHandler handler =
        ApiHandler.of(
            threads,
            timer,
            clock,
            parts.registry,
            catalog,
            kubelets,
            backends,
            parts.tokens,
            config.staticTokens(),
            authorizer);
    // Who calls early waits until the cluster's own objects exist.
    CompletableFuture<Void> furnished = new CompletableFuture<>();
    try {
      HttpFront front =
          HttpFront.listen(
              config.bind(),
              tls,
              handler::knows,
              exchange -> {
                var _ = furnished.thenRun(() -> handler.handle(exchange));
              });
      Bootstrap own = new Bootstrap(parts.registry, config, front.address().getPort());
      own.run();
      furnished.complete(null);
      timer.scheduleWithFixedDelay(
          () -> threads.execute(own::keep),
          KEEP_EVERY.toMillis(),
          KEEP_EVERY.toMillis(),
          TimeUnit.MILLISECONDS);
      EventExpiry expiry = new EventExpiry(parts.registry, clock);
      timer.scheduleWithFixedDelay(
          () -> threads.execute(expiry::sweep),
          EXPIRE_EVERY.toMillis(),
          EXPIRE_EVERY.toMillis(),
          TimeUnit.MILLISECONDS);
      return new ApiServer(front, catalog, kubelets, backends, timer, threads);
    } catch (IOException | RuntimeException failed) {
      catalog.close();
      kubelets.close();
      backends.close();
      timer.shutdownNow();
      threads.shutdownNow();
      throw failed;
    }
  }

  /// What stands between the requests and the store.
  private static final class Parts {
    final Registry registry;
    final ServiceAccountTokens tokens;

    Parts(ApiServerConfig config, Clock clock) throws IOException {
      registry =
          new Registry(
              config.store(),
              clock,
              lookup ->
                  AdmissionChain.of(
                      lookup, config.store(), serviceAddresses(config, lookup), clock));
      List<PublicKey> keys = new ArrayList<>();
      for (Path file : config.serviceAccountPublicKeys()) {
        keys.addAll(Pem.publicKeys(file));
      }
      tokens =
          new ServiceAccountTokens(
              Pem.privateKey(config.serviceAccountKey()),
              keys,
              config.serviceAccountIssuer(),
              this::exists,
              clock);
    }

    private static ServiceAddresses serviceAddresses(ApiServerConfig config, Lookup lookup) {
      return new ServiceAddresses(
          lookup,
          config.serviceRanges(),
          config.firstNodePort(),
          config.lastNodePort(),
          new SecureRandom());
    }

    private boolean exists(String kindName, String namespace, String name, String uid) {
      ObjectNode object = registry.get("", kindName, namespace, name);
      return object != null && Trees.text(object, "metadata", "uid").equals(uid);
    }
  }

  /// Where it listens, with the real port.
  public InetSocketAddress address() {
    return front.address();
  }

  /// Stops listening, ends all connections. The store stays open.
  @Override
  public void close() {
    front.close();
    catalog.close();
    kubelets.close();
    backends.close();
    timer.shutdownNow();
    threads.shutdownNow();
  }
}
