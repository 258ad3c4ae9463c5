// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Pods of several nodes by WireGuard: with `wireguard-go`, as every kernel runs that.
final class WireGuardTest {
  private static final PodNetworkSettings WIREGUARD = settings("backend: wireguard");

  @TempDir Path directory;

  private static PodNetworkSettings settings(String more) {
    return PodNetworkSettings.parse(
        """
        apiVersion: podnet.fairway.dev/v1
        kind: PodNetworkConfiguration
        podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
        wireguard: {driver: userspace}
        """
            + more);
  }

  private TestNode node(TestMachines machines, int number) throws Exception {
    TestNode node = DualNodes.node(machines, directory, number);
    node.agent.set(WIREGUARD);
    return node;
  }

  /// Until all peers have agreed on keys and nothing is left to do.
  private static void settle(TestNode... nodes) throws Exception {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (true) {
      DualNodes.talk(List.of(nodes));
      List<String> problems = new ArrayList<>();
      for (TestNode node : nodes) {
        problems.addAll(node.agent.problems());
        node.agent.plan().forEach(step -> problems.add(step.toString()));
      }
      if (problems.isEmpty()) {
        return;
      }
      assertThat(System.nanoTime()).as("%s", problems).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private static IpAddress v6(TestNode.Outcome pod) {
    return Prefix.parse(pod.json().path("ips").path(1).path("address").stringValue()).address();
  }

  @Test
  void podsTalkAndNobodyBetweenThemCanRead() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      TestNode.Outcome atA = first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      Path capture = directory.resolve("capture");
      Process tcpdump = capture(second.machine, capture);
      try {
        PodNetworkTest.exchange(a, b, atB.address());
        PodNetworkTest.exchange(b, a, v6(atA));
        PodNetworkTest.assertPasses(a, b, atB.address(), 1440, true);
        PodNetworkTest.assertPasses(a, b, atB.address(), 1441, false);
      } finally {
        tcpdump.destroy();
        tcpdump.waitFor(30, TimeUnit.SECONDS);
      }
      assertThat(packets(capture, "udp port 51820")).isGreaterThan(1000);
      assertThat(packets(capture, "tcp or net 10.200.0.0/16 or net fd00:10:200::/40")).isZero();
    }
  }

  private static Process capture(NetworkNamespace machine, Path file) throws Exception {
    Path said = file.resolveSibling("said");
    Process tcpdump =
        machine.start(
            new ProcessBuilder("tcpdump", "-U", "-i", "eth0", "-w", file.toString())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile()));
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!Files.readString(said).contains("listening on")) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.onSpinWait();
    }
    return tcpdump;
  }

  private static long packets(Path capture, String filter) throws Exception {
    Process reading =
        new ProcessBuilder("tcpdump", "-nn", "-r", capture.toString(), filter)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    return new String(reading.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
        .lines()
        .count();
  }
}
