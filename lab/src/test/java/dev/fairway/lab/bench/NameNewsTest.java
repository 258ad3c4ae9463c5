// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.dns.DnsConfig;
import dev.fairway.dns.DnsServer;
import dev.fairway.net.Prefix;
import dev.fairway.reconcile.ClusterFollower;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Names follow readiness: from an API server's store over its watch to an answer.
class NameNewsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String NAME = "db.app.svc.cluster.local";

  @TempDir Path directory;

  @Test
  void aNameIsThereWhileAnEndpointIsReady() throws Exception {
    DnsConfig config =
        DnsConfig.of(
            List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
            "cluster.local",
            List.of(Prefix.parse("10.32.0.0/16")),
            List.of(Prefix.parse("10.200.0.0/16")),
            List.of());
    try (LocalApi api = new LocalApi(directory);
        KubernetesClient client = api.admin();
        DnsServer server = DnsServer.start(config);
        ClusterFollower _ =
            ClusterFollower.of(client)
                .follow(Service.class)
                .follow(EndpointSlice.class)
                .subscribe("dns", server.subscriber())
                .start()) {
      client
          .resource(new NamespaceBuilder().withNewMetadata().withName("app").endMetadata().build())
          .create();
      client.resource(headless()).create();
      client.resource(slice(false)).create();
      InetSocketAddress at = server.addresses().getFirst();
      for (int round = 0; round < 5; round++) {
        client.resource(slice(true)).update();
        await(at, true);
        client.resource(slice(false)).update();
        await(at, false);
      }
      client.resource(slice(true)).update();
      await(at, true);
      client.resource(headless()).delete();
      await(at, false);
      assertThat(server.isReady()).isTrue();
    }
  }

  private static void await(InetSocketAddress server, boolean known)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (NameClient.knows(server, NAME) != known) {
      assertThat(System.nanoTime()).as("known: " + known).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private static Service headless() {
    return new ServiceBuilder()
        .withNewMetadata()
        .withNamespace("app")
        .withName("db")
        .endMetadata()
        .withNewSpec()
        .withClusterIP("None")
        .endSpec()
        .build();
  }

  private static EndpointSlice slice(boolean ready) {
    return new EndpointSliceBuilder()
        .withNewMetadata()
        .withNamespace("app")
        .withName("db-1")
        .withLabels(Map.of("kubernetes.io/service-name", "db"))
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
}
