// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.dns.DnsServer;
import dev.fairway.reconcile.ClusterFollower;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/// How soon a change that the API server was told of is answered: a new Service, and an endpoint of
/// a headless one that becomes ready. The clock runs from the request to the API server, and so has
/// its own work in it.
final class NameNews {
  private static final double LIMIT_MILLIS = 50;
  private static final String SERVER = "127.0.0.30";
  private static final String NAMESPACE = "bench";
  private static final int WARM_UP = 30;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Path directory;
  private final int changes;

  NameNews(Path directory, int changes) {
    this.directory = directory;
    this.changes = changes;
  }

  List<Row> run() throws IOException, InterruptedException {
    Files.createDirectories(directory);
    try (LocalApi api = new LocalApi(directory);
        KubernetesClient admin = api.admin();
        DnsServer server = DnsServer.start(NameServer.config(SERVER, List.of()));
        ClusterFollower _ =
            ClusterFollower.of(admin)
                .follow(Service.class)
                .follow(EndpointSlice.class)
                .subscribe("dns", server.subscriber())
                .start()) {
      admin
          .resource(
              new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
          .create();
      await("kubernetes", () -> server.isReady());
      Samples services = new Samples();
      Samples endpoints = new Samples();
      for (int i = -WARM_UP; i < changes; i++) {
        String name = "service" + (i + WARM_UP);
        double created = create(admin, name);
        double ready = becomeReady(admin, name + "-headless");
        if (i >= 0) {
          services.add(created);
          endpoints.add(ready);
        }
      }
      return List.of(
          Row.within(
              "a new Service until its name is answered", services.median(), "ms", LIMIT_MILLIS),
          Row.within("the same, 99 % of them", services.percentile(99), "ms", LIMIT_MILLIS),
          Row.within(
              "a ready endpoint until its name is answered",
              endpoints.median(),
              "ms",
              LIMIT_MILLIS),
          Row.within("the same, 99 % of them", endpoints.percentile(99), "ms", LIMIT_MILLIS));
    }
  }

  private static double create(KubernetesClient client, String name)
      throws IOException, InterruptedException {
    Service service =
        new ServiceBuilder()
            .withNewMetadata()
            .withNamespace(NAMESPACE)
            .withName(name)
            .endMetadata()
            .withNewSpec()
            .addNewPort()
            .withPort(80)
            .endPort()
            .endSpec()
            .build();
    return until(() -> client.resource(service).create(), name);
  }

  private static double becomeReady(KubernetesClient client, String name)
      throws IOException, InterruptedException {
    client
        .resource(
            new ServiceBuilder()
                .withNewMetadata()
                .withNamespace(NAMESPACE)
                .withName(name)
                .endMetadata()
                .withNewSpec()
                .withClusterIP("None")
                .endSpec()
                .build())
        .create();
    EndpointSlice slice = client.resource(slice(name, false)).create();
    EndpointSlice ready =
        new EndpointSliceBuilder(slice)
            .editFirstEndpoint()
            .editConditions()
            .withReady(true)
            .endConditions()
            .endEndpoint()
            .build();
    return until(() -> client.resource(ready).update(), name);
  }

  private static EndpointSlice slice(String service, boolean ready) {
    return new EndpointSliceBuilder()
        .withNewMetadata()
        .withNamespace(NAMESPACE)
        .withName(service)
        .withLabels(Map.of("kubernetes.io/service-name", service))
        .endMetadata()
        .withAddressType("IPv4")
        .addNewEndpoint()
        .withAddresses("10.200.0.5")
        .withNewConditions()
        .withReady(ready)
        .endConditions()
        .endEndpoint()
        .build();
  }

  /// Milliseconds from before the request until the name has an address.
  private static double until(Runnable request, String name)
      throws IOException, InterruptedException {
    String full = name + "." + NAMESPACE + ".svc.cluster.local";
    if (NameClient.knows(SERVER, full)) {
      throw new IOException(full + " has an address already");
    }
    long from = System.nanoTime();
    request.run();
    await(full, () -> NameClient.knows(SERVER, full));
    return (System.nanoTime() - from) / 1e6;
  }

  private interface Condition {
    boolean holds() throws IOException;
  }

  private static void await(String what, Condition condition)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > deadline) {
        throw new IOException(what + " was not answered within " + PATIENCE);
      }
      Thread.sleep(Duration.ofNanos(200_000));
    }
  }
}
