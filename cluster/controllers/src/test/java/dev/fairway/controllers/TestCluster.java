// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/// The real API server with all controllers and hollow nodes, on loopback.
final class TestCluster implements AutoCloseable {
  private final Path directory;
  private final Certificates certificates;
  private final Store store;
  private final ApiServer server;
  private final AutoCloseable controllers;
  private final List<AutoCloseable> open = new ArrayList<>();
  private final KubernetesClient admin;
  private final List<HollowNode> nodes = new ArrayList<>();

  /// How controllers are started, by kubeconfigs of theirs and of the scheduler.
  interface Starter {
    AutoCloseable start(Path controllers, Path scheduler, Path authority) throws IOException;
  }

  TestCluster(Path directory, int nodes, Duration grace)
      throws IOException, GeneralSecurityException {
    this(
        directory,
        nodes,
        (controllers, scheduler, authority) -> {
          // Closed by the order of the lines: clients after what uses them.
          KubernetesClient client = ApiClients.connect(controllers, "test-controllers");
          KubernetesClient other = ApiClients.connect(scheduler, "test-scheduler");
          Controllers running = Controllers.start(client, other, config(authority, grace));
          return () -> {
            running.close();
            client.close();
            other.close();
          };
        });
  }

  static ControllersConfig config(Path authority, Duration grace) throws IOException {
    return new ControllersConfig(
        List.of(
            new ControllersConfig.PodNetwork(Prefix.parse("10.200.0.0/16"), 24),
            new ControllersConfig.PodNetwork(Prefix.parse("fd00:10:200::/48"), 64)),
        Files.readString(authority),
        grace);
  }

  TestCluster(Path directory, int nodes, Starter starter)
      throws IOException, GeneralSecurityException {
    this.directory = directory;
    certificates = new Certificates(directory);
    store = EmbeddedStore.open(StoreConfig.of(directory.resolve("store.db")));
    server =
        ApiServer.start(
            new ApiServerConfig(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                IpAddress.parse("10.240.0.10"),
                certificates.file("server.crt"),
                certificates.file("server.key"),
                certificates.file("ca.crt"),
                certificates.file("sa.key"),
                List.of(certificates.file("sa.pub")),
                "https://kubernetes.default.svc.cluster.local",
                certificates.file("admin.crt"),
                certificates.file("admin.key"),
                certificates.file("ca.crt"),
                List.of(Prefix.parse("10.32.0.0/16")),
                30000,
                32767,
                "cluster.local",
                store));
    admin = client("admin");
    controllers =
        starter.start(
            kubeconfig("controllers"), kubeconfig("scheduler"), certificates.file("ca.crt"));
    for (int i = 0; i < nodes; i++) {
      this.nodes.add(new HollowNode(admin, "worker-" + i));
    }
  }

  KubernetesClient client() {
    return admin;
  }

  HollowNode node(int index) {
    return nodes.get(index);
  }

  private KubernetesClient client(String user) throws IOException {
    KubernetesClient client = ApiClients.connect(kubeconfig(user), "test-" + user);
    open.add(client);
    return client;
  }

  private Path kubeconfig(String user) throws IOException {
    Path kubeconfig = directory.resolve(user + ".kubeconfig");
    Files.writeString(
        kubeconfig,
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %s}}]
        users: [{name: u, user: {client-certificate: %s, client-key: %s}}]
        contexts: [{name: x, context: {cluster: c, user: u}}]
        current-context: x
        """
            .formatted(
                server.address().getPort(),
                certificates.file("ca.crt"),
                certificates.file(user + ".crt"),
                certificates.file(user + ".key")));
    return kubeconfig;
  }

  /// Runs kubectl and answers with what it printed, standard error included.
  String kubectl(String... arguments) throws IOException, InterruptedException {
    return kubectlWith("", arguments);
  }

  String kubectlWith(String input, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("kubectl"));
    command.add("--kubeconfig=" + directory.resolve("admin.kubeconfig"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("HOME", directory.toString());
    Process process = builder.start();
    process.outputWriter(StandardCharsets.UTF_8).append(input).close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
    return out;
  }

  /// Waits until `what` answers true.
  static void await(String subject, Callable<Boolean> what) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (!what.call()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("did not come about: " + subject);
      }
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  @Override
  public void close() throws Exception {
    for (HollowNode node : nodes) {
      node.close();
    }
    controllers.close();
    for (AutoCloseable each : open) {
      each.close();
    }
    server.close();
    store.close();
  }
}
