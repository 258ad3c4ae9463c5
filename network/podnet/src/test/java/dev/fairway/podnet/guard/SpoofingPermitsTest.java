// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SpoofingPermitsTest {
  @TempDir Path directory;
  private Path file = Path.of("");

  @BeforeEach
  void name() {
    file = directory.resolve("spoofing-permits");
  }

  private static Namespace namespace(String name, String says) {
    return new NamespaceBuilder()
        .withNewMetadata()
        .withName(name)
        .withAnnotations(Map.of(SpoofingPermits.ANNOTATION, says))
        .endMetadata()
        .build();
  }

  private static Pod pod(String namespace, String name, String says, String... addresses) {
    PodBuilder pod =
        new PodBuilder()
            .withNewMetadata()
            .withNamespace(namespace)
            .withName(name)
            .withAnnotations(Map.of(SpoofingPermits.ANNOTATION, says))
            .endMetadata()
            .withNewSpec()
            .endSpec()
            .withNewStatus()
            .withPhase("Running")
            .endStatus();
    for (String address : addresses) {
      pod.editStatus().addNewPodIP(address).endStatus();
    }
    return pod.build();
  }

  @Test
  void thePodAndItsNamespaceMustBothSaySo() {
    List<Namespace> namespaces = List.of(namespace("edge", "true"), namespace("shop", "false"));
    Pod router = pod("edge", "router", "true", "10.200.0.2", "fd00:200::2");
    Pod web = pod("edge", "web", "false", "10.200.0.3");
    Pod intruder = pod("shop", "intruder", "true", "10.200.0.4");
    Pod unclear = pod("edge", "unclear", "yes", "10.200.0.5");
    Pod ended =
        pod("edge", "ended", "true", "10.200.0.6")
            .edit()
            .editStatus()
            .withPhase("Failed")
            .endStatus()
            .build();
    Pod onNode =
        pod("edge", "agent", "true", "10.240.0.20")
            .edit()
            .editSpec()
            .withHostNetwork(true)
            .endSpec()
            .build();
    SpoofingPermits.Permits permits =
        SpoofingPermits.of(List.of(router, web, intruder, unclear, ended, onNode), namespaces);
    assertThat(permits.exemptions())
        .containsOnlyKeys(IpAddress.parse("10.200.0.2"), IpAddress.parse("fd00:200::2"))
        .allSatisfy((address, exemption) -> assertThat(exemption.everything()).isTrue());
    assertThat(permits.refusals())
        .satisfiesExactly(
            first -> assertThat(first).contains("shop/intruder", "kubectl annotate namespace shop"),
            second -> assertThat(second).contains("edge/unclear", "\"true\" or \"false\""));
  }

  @Test
  void theNextAgentBeginsWithWhatWasKnownLast() throws Exception {
    assertThat(SpoofingPermits.kept(file)).isEmpty();
    SpoofingPermits.Permits known =
        SpoofingPermits.of(
            List.of(pod("edge", "router", "true", "10.200.0.2", "fd00:200::2")),
            List.of(namespace("edge", "true")));
    KeptPermits.write(file, known.exemptions());
    assertThat(SpoofingPermits.kept(file)).isEqualTo(known.exemptions()).hasSize(2);
    Random random = new Random(3);
    byte[] good = Files.readAllBytes(file);
    for (int round = 0; round < 30; round++) {
      byte[] bad = good.clone();
      bad[random.nextInt(bad.length)] = (byte) random.nextInt();
      Files.write(file, bad);
      assertThat(SpoofingPermits.kept(file)).hasSizeLessThan(4); // never fails
    }
    KeptPermits.write(file, Map.of());
    assertThat(SpoofingPermits.kept(file)).isEmpty();
  }

  /// An API server that refuses, breaks down, and lets the agent read at last.
  @Test
  void whoIsRefusedSaysSoOnceAndAsksUntilItMayRead() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    BlockingQueue<String> logged = new LinkedBlockingQueue<>();
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    CountDownLatch over = new CountDownLatch(1);
    server.createContext("/", exchange -> answer(exchange, asked, over));
    server.start();
    Config config =
        new ConfigBuilder()
            .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
            .withRequestRetryBackoffLimit(0)
            .withAutoConfigure(false)
            .build();
    try (NetworkNamespace machine = NetworkNamespace.createAnonymous();
        Guard guard = new Guard(machine, true);
        KubernetesClient client = new KubernetesClientBuilder().withConfig(config).build();
        SpoofingPermits permits =
            new SpoofingPermits(
                client, "worker-0", guard, file, Duration.ofMillis(5), logged::add)) {
      assertThat(permits).isNotNull();
      assertThat(logged.poll(30, TimeUnit.SECONDS)).contains("may not list pods");
      assertThat(logged.poll(30, TimeUnit.SECONDS)).contains("answers 500");
      assertThat(logged.poll(30, TimeUnit.SECONDS)).contains("pod shop/intruder");
    } finally {
      over.countDown();
      server.stop(0);
    }
  }

  private static void answer(HttpExchange exchange, AtomicInteger asked, CountDownLatch over)
      throws IOException {
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    if (query.contains("watch=")) {
      try {
        over.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    int request = asked.incrementAndGet();
    boolean pods = exchange.getRequestURI().getPath().endsWith("/pods");
    List<HasMetadata> items =
        List.of(pods ? pod("shop", "intruder", "true") : namespace("shop", "false"));
    byte[] body =
        Serialization.asJson(
                Map.of(
                    "apiVersion",
                    "v1",
                    "kind",
                    pods ? "PodList" : "NamespaceList",
                    "metadata",
                    Map.of("resourceVersion", "1"),
                    "items",
                    items))
            .getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().add("Content-Type", "application/json");
    int status = request <= 3 || request == 6 ? 403 : request <= 5 ? 500 : 200;
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
