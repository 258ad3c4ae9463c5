// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.traffic.rules.HealthCheck;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells load balancers whether this node has endpoints of a Service, at its
/// `spec.healthCheckNodePort`: 200 if it has, else 503. The answer's form is kube-proxy's.
///
/// Not for several threads.
final class HealthChecks implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HealthChecks.class);
  private static final int BACKLOG = 64;

  /// What bounds the JDK's servers, which have no bounds else: seconds a request and an answer may
  /// take, and connections.
  private static final Map<String, String> BOUNDS =
      Map.of(
          "sun.net.httpserver.maxReqTime", "5",
          "sun.net.httpserver.maxRspTime", "5",
          "jdk.httpserver.maxConnections", "128");

  private final NetworkNamespace namespace;
  private final List<IpAddress> addresses;
  private final Map<Integer, Listener> listeners = new HashMap<>();
  private final Set<Integer> refused = new HashSet<>();
  private Map<Integer, HealthCheck> wanted = Map.of();
  private volatile boolean working;

  /// One port at all addresses of the node.
  private static final class Listener {
    final List<HttpServer> servers = new ArrayList<>();
    volatile HealthCheck check;

    Listener(HealthCheck check) {
      this.check = check;
    }

    void stop() {
      servers.forEach(server -> server.stop(0));
    }
  }

  HealthChecks(NetworkNamespace namespace, List<IpAddress> addresses) {
    this.namespace = namespace;
    this.addresses = addresses;
    BOUNDS.forEach((name, value) -> {
      if (System.getProperty(name) == null) {
        System.setProperty(name, value);
      }
    });
  }

  /// Whether the rules are in the kernel.
  void working(boolean now) {
    working = now;
  }

  /// @param checks all there are, by port
  void set(Map<Integer, HealthCheck> checks) {
    wanted = Map.copyOf(checks);
    refused.retainAll(wanted.keySet());
    listeners
        .entrySet()
        .removeIf(entry -> {
          boolean gone = !wanted.containsKey(entry.getKey());
          if (gone) {
            entry.getValue().stop();
          }
          return gone;
        });
    repair();
  }

  /// Opens what could not be opened before.
  void repair() {
    wanted.forEach((port, check) -> {
      Listener listener = listeners.get(port);
      if (listener == null) {
        open(port, check);
      } else {
        listener.check = check;
      }
    });
  }

  private void open(int port, HealthCheck check) {
    Listener listener = new Listener(check);
    try {
      for (IpAddress address : addresses) {
        InetSocketAddress at = new InetSocketAddress(address.toInetAddress(), port);
        HttpServer server = namespace.call(() -> HttpServer.create(at, BACKLOG));
        listener.servers.add(server);
        server.createContext("/", exchange -> answer(exchange, listener.check));
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.start();
      }
      listeners.put(port, listener);
      refused.remove(port);
    } catch (IOException e) {
      listener.stop();
      if (!refused.add(port)) {
        return;
      }
      LOG.warn(
          "Service {}/{}: spec.healthCheckNodePort: cannot listen on port {}: {}; load balancers"
              + " take this node for one without endpoints until it is free",
          check.service().namespace(),
          check.service().name(),
          port,
          e.getMessage());
    }
  }

  private void answer(HttpExchange exchange, HealthCheck check) throws IOException {
    try (exchange) {
      boolean healthy = working;
      byte[] body =
          """
          {"service":{"namespace":"%s","name":"%s"},"localEndpoints":%d,"serviceProxyHealthy":%b}
          """
              .formatted(
                  check.service().namespace(),
                  check.service().name(),
                  check.localEndpoints(),
                  healthy)
              .getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
      exchange
          .getResponseHeaders()
          .set("X-Load-Balancing-Endpoint-Weight", Integer.toString(check.localEndpoints()));
      boolean here = healthy && check.localEndpoints() > 0;
      exchange.sendResponseHeaders(here ? 200 : 503, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  @Override
  public void close() {
    listeners.values().forEach(Listener::stop);
    listeners.clear();
    wanted = Map.of();
  }
}
