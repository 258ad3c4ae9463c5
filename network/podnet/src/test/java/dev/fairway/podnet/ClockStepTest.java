// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.status.NodeStatus;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An agent whose machine's clock is set forward and back by hours while it works: a process with
/// Debian's libfaketime, and a neighbour with a clock of its own.
@Tag("slow") // a JVM, and some seconds for a hold time to pass
final class ClockStepTest {
  private static final String SETTINGS =
      """
      apiVersion: podnet.fairway.dev/v1
      kind: PodNetworkConfiguration
      podRanges: [10.200.0.0/16]
      backend: bgp
      bgp: {as: 64512, holdTimeSeconds: 6, bfd: {intervalMillis: 600, multiplier: 10}}
      """;

  /// Longer than the hold time, so that a timer that stands still shows.
  private static final Duration LONG = Duration.ofMillis(6500);

  /// Enough to see timers that end too early.
  private static final Duration BRIEF = Duration.ofSeconds(1);

  private record Step(String offset, int hours, Duration watched) {}

  @TempDir Path directory;

  private Path clock = Path.of("");
  private int pods;

  @Test
  void nothingIsLostOrGivenOutTwiceAndNeighboursStay() throws Exception {
    clock = directory.resolve("clock");
    set("+0");
    Path settings = Files.writeString(directory.resolve("podnet.yaml"), SETTINGS);
    try (TestMachines machines = new TestMachines(1500);
        TestNode stepped = new TestNode(machines, directory, BackendKind.ROUTES, 0, step -> {});
        TestNode steady = new TestNode(machines, directory, BackendKind.ROUTES, 1, step -> {})) {
      stepped.agent.close();
      steady.agent.set(PodNetworkSettings.parse(SETTINGS));
      steady.agent.nodes(
          List.of(
              SteppedAgent.node(stepped.name, stepped.address, stepped.range),
              SteppedAgent.node(steady.name, steady.address, steady.range)));
      Process agent = start(stepped, steady, settings);
      try (BufferedReader said = agent.inputReader(StandardCharsets.UTF_8);
          Writer asking = agent.outputWriter(StandardCharsets.UTF_8)) {
        assertThat(said.readLine()).isEqualTo("ready");
        Path there = machines.sandbox("there");
        IpAddress other = steady.add("there", there).address();
        await("a session", () -> peer(steady).state().equalsIgnoreCase("established"));
        await("BFD", () -> peer(steady).bfd().equals("up"));
        String since = peer(steady).since();
        Path stays = machines.sandbox("stays");
        IpAddress kept = stepped.add("stays", stays).address();
        await("routes", () -> stepped.check("stays", stays, again(stepped, stays)).exitCode() == 0);
        PodNetworkTest.exchange(stays, there, other);
        for (Step step :
            List.of(
                new Step("+5h", 5, BRIEF), new Step("-7h", -7, LONG), new Step("+2d", 48, BRIEF))) {
          set(step.offset());
          await("the clock", () -> Math.abs(hoursAhead(said, asking) - step.hours()) < 0.1);
          work(machines, stepped, steady, there, other, kept, step.watched());
          assertThat(peer(steady).state()).isEqualToIgnoringCase("established");
          assertThat(peer(steady).bfd()).isEqualTo("up");
          assertThat(peer(steady).since()).as("after %s", step.offset()).isEqualTo(since);
        }
        PodNetworkTest.exchange(stays, there, other);
        PodNetworkTest.exchange(there, stays, kept);
        // What looks at the kernel every ten seconds goes on, though its clock is behind.
        PodLab.run(stepped.machine, "nft", "delete table ip fairway-guard");
        await(
            "the guard",
            () -> PodLab.run(stepped.machine, "nft", "list tables").contains("ip fairway-guard"));
        stepped.del("stays", stays);
        AttachmentTest.awaitNoWires(stepped);
      } finally {
        agent.destroyForcibly().waitFor();
      }
    }
  }

  private static TestNode.Outcome again(TestNode node, Path pod) throws Exception {
    return node.add("stays", pod); // a retry answers as before
  }

  /// Pods come and go, each with an address that nobody had just now.
  private void work(
      TestMachines machines,
      TestNode stepped,
      TestNode steady,
      Path there,
      IpAddress other,
      IpAddress kept,
      Duration watched)
      throws Exception {
    long end = System.nanoTime() + watched.toNanos();
    IpAddress before = kept;
    do {
      String name = "p" + pods++;
      Path pod = machines.sandbox(name);
      TestNode.Outcome added = stepped.add(name, pod);
      assertThat(added.exitCode()).as(added.stdout()).isZero();
      assertThat(added.address()).isNotEqualTo(before).isNotEqualTo(kept);
      PodNetworkTest.exchange(pod, there, other);
      assertThat(stepped.check(name, pod, added)).isEqualTo(new TestNode.Outcome(0, ""));
      assertThat(stepped.del(name, pod)).isEqualTo(new TestNode.Outcome(0, ""));
      machines.removeSandbox(pod);
      before = added.address();
      assertThat(peer(steady).bfd()).isEqualTo("up");
    } while (System.nanoTime() < end);
  }

  private static NodeStatus.Peer peer(TestNode node) {
    return node.agent.status().peers().getFirst();
  }

  private static double hoursAhead(BufferedReader said, Writer asking) throws IOException {
    asking.write("\n");
    asking.flush();
    return (Long.parseLong(said.readLine()) - System.currentTimeMillis()) / 3_600_000.0;
  }

  private void set(String offset) throws IOException {
    Path fresh = Files.writeString(directory.resolve("clock.new"), offset + "\n");
    Files.move(fresh, clock, StandardCopyOption.ATOMIC_MOVE);
  }

  private Process start(TestNode node, TestNode other, Path settings) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            SteppedAgent.class.getName(),
            node.directory.toString(),
            settings.toString(),
            node.address,
            node.range,
            other.address,
            other.range);
    builder
        .environment()
        .putAll(
            Map.of(
                "LD_PRELOAD", library().toString(),
                "FAKETIME_TIMESTAMP_FILE", clock.toString(),
                "FAKETIME_NO_CACHE", "1",
                "FAKETIME_DONT_FAKE_MONOTONIC", "1",
                // Else what waits by the monotonic clock wakes at once.
                "FAKETIME_FORCE_MONOTONIC_FIX", "0"));
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    return node.machine.start(builder);
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

  private static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      LockSupport.parkNanos(20_000_000);
    }
  }
}
