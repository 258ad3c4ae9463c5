// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Lists and watches as the Java client sees them (which watches by WebSocket) and as kubectl does.
final class WatchTest {
  @TempDir static Path directory;
  private static TestServer server;
  private static KubernetesClient client;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    String kubeconfig = Files.readString(directory.resolve("admin.kubeconfig"));
    Config config = Config.fromKubeconfig(kubeconfig);
    config.setClientKeyAlgo("EC");
    client = new KubernetesClientBuilder().withConfig(config).build();
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
  }

  private static ConfigMap map(String name, String tier) {
    return new ConfigMapBuilder()
        .withNewMetadata()
        .withName(name)
        .addToLabels("tier", tier)
        .endMetadata()
        .build();
  }

  @Test
  void aSelectionIsEnteredAndLeft() throws Exception {
    var maps = client.configMaps().inNamespace("default");
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    try (var _ =
        maps.withLabel("tier", "front")
            .watch(
                new Watcher<ConfigMap>() {
                  @Override
                  public void eventReceived(Action action, ConfigMap map) {
                    seen.add(action + " " + map.getMetadata().getName());
                  }

                  @Override
                  public void onClose(WatcherException cause) {
                    seen.add("closed");
                  }
                })) {
      maps.resource(map("moving", "back")).create();
      maps.resource(map("moving", "front")).update();
      maps.resource(map("moving", "front")).edit(m -> tagged(m));
      maps.resource(map("moving", "back")).update();
      maps.resource(map("staying", "front")).create();
      maps.withName("staying").delete();
      for (String expected :
          new String[] {
            "ADDED moving", "MODIFIED moving", "DELETED moving", "ADDED staying", "DELETED staying"
          }) {
        assertThat(seen.poll(60, TimeUnit.SECONDS)).isEqualTo(expected);
      }
    }
  }

  private static ConfigMap tagged(ConfigMap map) {
    map.getMetadata().getLabels().put("seen", "yes");
    return map;
  }

  @Test
  void anInformerFollows() throws Exception {
    try (SharedIndexInformer<ConfigMap> informer =
        client.configMaps().inNamespace("kube-public").inform()) {
      client.configMaps().inNamespace("kube-public").resource(map("a", "x")).create();
      await(() -> informer.getIndexer().getByKey("kube-public/a") != null);
      client.configMaps().inNamespace("kube-public").withName("a").delete();
      await(() -> informer.getIndexer().getByKey("kube-public/a") == null);
    }
  }

  private static void await(BooleanSupplier condition) {
    Instant end = Instant.now().plus(Duration.ofMinutes(1));
    while (!condition.getAsBoolean()) {
      assertThat(Instant.now()).as("deadline").isBefore(end);
      Thread.onSpinWait();
    }
  }

  @Test
  void writesBasedOnAnOldStateConflict() {
    var maps = client.configMaps().inNamespace("kube-system");
    ConfigMap first = maps.resource(map("contested", "x")).create();
    maps.resource(tagged(maps.withName("contested").get())).update();
    KubernetesClientException refused =
        catchThrowableOfType(
            KubernetesClientException.class,
            () ->
                maps.resource(first)
                    .lockResourceVersion(first.getMetadata().getResourceVersion())
                    .update());
    assertThat(refused.getCode()).isEqualTo(409);
    assertThat(refused.getStatus().getMessage())
        .startsWith("Operation cannot be fulfilled on configmaps \"contested\"");
  }

  @Test
  void pagesAreOfOneState() {
    var maps = client.configMaps().inNamespace("kube-node-lease");
    for (int i = 0; i < 5; i++) {
      maps.resource(map("m" + i, "x")).create();
    }
    var page = maps.list(new ListOptionsBuilder().withLimit(2L).build());
    maps.resource(map("m9", "x")).create();
    int found = page.getItems().size();
    @Nullable String next = page.getMetadata().getContinue();
    while (next != null && !next.isEmpty()) {
      page = maps.list(new ListOptionsBuilder().withLimit(2L).withContinue(next).build());
      found += page.getItems().size();
      next = page.getMetadata().getContinue();
    }
    assertThat(found).isEqualTo(5);
  }

  @Test
  void kubectlWatchesATable() throws Exception {
    String kubectl = TestServer.kubectls().getLast();
    Process watching = server.start("admin", kubectl, "get", "secrets", "-w");
    try {
      var lines = watching.inputReader();
      server.kubectl(kubectl, "create", "secret", "generic", "s", "--from-literal=a=b");
      assertThat(lines.readLine()).contains("NAME", "TYPE", "DATA");
      assertThat(lines.readLine()).contains("s", "Opaque", "1");
    } catch (IOException broken) {
      throw new AssertionError(broken);
    } finally {
      watching.destroy();
    }
  }
}
