// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import static dev.fairway.controllers.TestCluster.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Controllers whose machine's clock is set forward and back by hours, by Debian's libfaketime, and
/// a node that goes on saying that it is there.
@Tag("slow") // a JVM, and some seconds for the nodes' grace to pass
class ClockStepTest {
  private static final Duration GRACE = Duration.ofSeconds(6);

  private record Step(String offset, int hours, Duration watched) {}

  @TempDir Path directory;

  @Test
  void nodesAreAsReadyAsTheyAre() throws Exception {
    set("+0");
    AtomicReference<Process> process = new AtomicReference<>();
    try (TestCluster cluster =
        new TestCluster(
            directory,
            1,
            (controllers, scheduler, authority) -> {
              Process started = start(controllers, scheduler, authority);
              process.set(started);
              return () -> started.destroyForcibly().waitFor();
            })) {
      KubernetesClient client = cluster.client();
      Process controllers = process.get();
      BufferedReader said = controllers.inputReader(StandardCharsets.UTF_8);
      Writer asking = controllers.outputWriter(StandardCharsets.UTF_8);
      await(
          "the node has its range",
          () -> {
            renew(client);
            return node(client).getSpec() != null && node(client).getSpec().getPodCIDR() != null;
          });
      watch(cluster, said, asking);
      // One that is silent is found out by a clock that was set back again, too.
      set("-30h");
      await("the clock", () -> Math.abs(hoursAhead(said, asking) + 30) < 0.1);
      await("the node is unknown", () -> "Unknown".equals(ready(client)));
      await("it is marked", () -> !Taints.of(node(client)).isEmpty());
    }
  }

  /// While the node says all the time that it is there.
  private void watch(TestCluster cluster, BufferedReader said, Writer asking) throws Exception {
    KubernetesClient client = cluster.client();
    AtomicBoolean silent = new AtomicBoolean();
    Thread renewing =
        Thread.ofVirtual()
            .start(() -> {
              while (!silent.get()) {
                renew(client);
                LockSupport.parkNanos(200_000_000);
              }
            });
    try {
      int pods = 0;
      // A timer that ends too early shows at once, one that stands still after the grace.
      for (Step step :
          List.of(
              new Step("+5h", 5, Duration.ofSeconds(2)),
              new Step("-7h", -7, GRACE.plusMillis(1500)))) {
        set(step.offset());
        await("the clock", () -> Math.abs(hoursAhead(said, asking) - step.hours()) < 0.1);
        long end = System.nanoTime() + step.watched().toNanos();
        do {
          assertThat(ready(client)).as("at %s", step.offset()).isEqualTo("True");
          assertThat(Taints.of(node(client))).isEmpty();
          runPod(cluster, "pod-" + pods++);
        } while (System.nanoTime() < end);
      }
    } finally {
      silent.set(true);
      renewing.join();
    }
  }

  /// The scheduler and the hollow node both do their part.
  private static void runPod(TestCluster cluster, String name) throws Exception {
    String pod =
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: %s}
        spec: {containers: [{name: c, image: 'good:1'}]}
        """
            .formatted(name);
    assertThat(cluster.kubectlWith(pod, "apply", "-f", "-")).contains("pod/" + name + " created");
    await(
        name + " runs",
        () ->
            "Running"
                .equals(
                    cluster
                        .client()
                        .pods()
                        .inNamespace("default")
                        .withName(name)
                        .get()
                        .getStatus()
                        .getPhase()));
  }

  private static void renew(KubernetesClient client) {
    client
        .leases()
        .inNamespace("kube-node-lease")
        .withName("worker-0")
        .edit(lease ->
            lease
                .edit()
                .editSpec()
                .withRenewTime(ZonedDateTime.now(ZoneOffset.UTC))
                .endSpec()
                .build());
  }

  private static Node node(KubernetesClient client) {
    return client.nodes().withName("worker-0").get();
  }

  private static String ready(KubernetesClient client) {
    return Taints.condition(node(client), "Ready").map(c -> c.getStatus()).orElse("");
  }

  private static double hoursAhead(BufferedReader said, Writer asking) throws IOException {
    asking.write("\n");
    asking.flush();
    return (Long.parseLong(said.readLine()) - System.currentTimeMillis()) / 3_600_000.0;
  }

  private void set(String offset) {
    try {
      Path fresh = Files.writeString(directory.resolve("clock.new"), offset + "\n");
      Files.move(fresh, directory.resolve("clock"), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Process start(Path controllers, Path scheduler, Path authority) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            SteppedControllers.class.getName(),
            controllers.toString(),
            scheduler.toString(),
            authority.toString(),
            Long.toString(GRACE.toMillis()));
    builder
        .environment()
        .putAll(
            Map.of(
                "LD_PRELOAD", library().toString(),
                "FAKETIME_TIMESTAMP_FILE", directory.resolve("clock").toString(),
                "FAKETIME_NO_CACHE", "1",
                "FAKETIME_DONT_FAKE_MONOTONIC", "1",
                // Else what waits by the monotonic clock wakes at once.
                "FAKETIME_FORCE_MONOTONIC_FIX", "0"));
    return builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  private static Path library() throws IOException {
    for (String machine : List.of("x86_64", "aarch64")) {
      Path file = Path.of("/usr/lib/" + machine + "-linux-gnu/faketime/libfaketimeMT.so.1");
      if (Files.exists(file)) {
        return file;
      }
    }
    throw new IOException("Debian's package faketime is not installed");
  }
}
