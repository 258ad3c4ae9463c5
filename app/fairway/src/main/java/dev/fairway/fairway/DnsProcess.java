// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.fairway.dns.DnsServer;
import dev.fairway.dns.corefile.Corefile;
import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ClusterFollower;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The DNS server of any cluster as a process of its own.
final class DnsProcess {
  private static final Logger LOG = LoggerFactory.getLogger(DnsProcess.class);

  /// Everything that one Corefile started.
  private record Running(DnsServer server, ClusterFollower follower, List<HttpServer> http) {
    void close() {
      http.forEach(each -> each.stop(0));
      follower.close();
      server.close();
    }
  }

  private final KubernetesClient client;
  private final Callable<Corefile> file;
  private final Function<Corefile, List<InetSocketAddress>> addresses;
  private volatile boolean ending;
  private @Nullable Running running;

  /// @param file reads the Corefile anew
  /// @param addresses where to listen
  DnsProcess(
      KubernetesClient client,
      Callable<Corefile> file,
      Function<Corefile, List<InetSocketAddress>> addresses) {
    this.client = client;
    this.file = file;
    this.addresses = addresses;
  }

  /// Returns when asked to end.
  void run(Corefile first) throws InterruptedException {
    requireRight(Service.class);
    requireRight(EndpointSlice.class);
    if (first.needsPods()) {
      requireRight(Pod.class);
    }
    running = start(first);
    if (first.reload().isPresent()) {
      Thread.ofVirtual().name("dns-reload").start(() -> reload(first));
    }
    Termination.await(first.lameduck());
    ending = true;
    Thread.sleep(first.lameduck());
    synchronized (this) {
      if (running != null) {
        running.close();
      }
    }
  }

  private <T extends HasMetadata> void requireRight(Class<T> kind) {
    try {
      client.resources(kind).inAnyNamespace().list(new ListOptionsBuilder().withLimit(1L).build());
    } catch (KubernetesClientException e) {
      switch (e.getCode()) {
        case HttpURLConnection.HTTP_FORBIDDEN ->
            throw new ProvisionException(
                "no permission to list "
                    + HasMetadata.getPlural(kind)
                    + "; docs/recipes/dns.md has the ClusterRole that it needs",
                e);
        case HttpURLConnection.HTTP_UNAUTHORIZED ->
            throw new ProvisionException(
                "the API server at " + client.getMasterUrl() + " does not know who asks (401)", e);
        default ->
            // Names outside are served all the same, and the cluster's when it comes.
            LOG.warn("The API server at {} does not answer yet", client.getMasterUrl());
      }
    }
  }

  /// @param before what goes on if the other cannot be started
  private synchronized void replace(Corefile before, Corefile after) {
    if (ending) {
      return;
    }
    if (running != null) {
      running.close();
      running = null;
    }
    try {
      running = start(after);
    } catch (RuntimeException e) {
      try {
        running = start(before);
      } catch (RuntimeException neither) {
        e.addSuppressed(neither);
      }
      throw e;
    }
  }

  private synchronized boolean isRunning() {
    return running != null;
  }

  private Running start(Corefile corefile) {
    DnsServer server = DnsServer.start(corefile.config(addresses.apply(corefile)));
    List<HttpServer> http = new ArrayList<>();
    try {
      serve(
          http, corefile.health(), "/health", exchange -> say(exchange, ending ? 503 : 200, "OK"));
      serve(
          http,
          corefile.ready(),
          "/ready",
          exchange -> {
            boolean ready = server.isReady();
            say(exchange, ready ? 200 : 503, ready ? "OK" : "kubernetes");
          });
      serve(
          http,
          corefile.prometheus(),
          "/metrics",
          exchange -> {
            exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4");
            say(exchange, 200, server.metrics());
          });
      ClusterFollower.Builder follow =
          ClusterFollower.of(client).follow(Service.class).follow(EndpointSlice.class);
      if (corefile.needsPods()) {
        follow.follow(Pod.class);
      }
      return new Running(server, follow.subscribe("dns", server.subscriber()).start(), http);
    } catch (RuntimeException e) {
      http.forEach(each -> each.stop(0));
      server.close();
      throw e;
    }
  }

  private interface Page {
    void answer(HttpExchange exchange) throws IOException;
  }

  private static void serve(
      List<HttpServer> http, Optional<InetSocketAddress> at, String path, Page page) {
    if (at.isEmpty()) {
      return;
    }
    try {
      HttpServer server = HttpServer.create(at.get(), 16);
      server.createContext(path, page::answer);
      server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
      server.start();
      http.add(server);
    } catch (IOException e) {
      throw new UncheckedIOException(path + " cannot be served at " + at.get(), e);
    }
  }

  private static void say(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  private void reload(Corefile first) {
    Corefile now = first;
    while (!ending && now.reload().isPresent()) {
      try {
        Thread.sleep(now.reload().get());
        Corefile next = file.call();
        if (!next.equals(now)) {
          LOG.info("The Corefile has changed");
          replace(now, next);
          now = next;
        } else if (!isRunning()) {
          replace(now, now);
          LOG.info("The server is back");
        }
      } catch (InterruptedException e) {
        return;
      } catch (Exception e) {
        LOG.error(
            "The Corefile has changed, and {}: {}",
            isRunning() ? "the one before goes on" : "neither it nor the one before can be served",
            e.getMessage());
      }
    }
  }
}
