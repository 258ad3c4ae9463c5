// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.podnet.settings.BackendKind;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// An agent that is killed at a step of ADD or DEL, each in a process of its own, leaves nothing
/// that the next agent does not take back.
@Tag("slow") // a JVM a step
final class KillTest {
  @TempDir Path directory;

  private TestMachines machines;
  private TestNode node;
  private Path pod;
  private Path data;
  private Chain chain;

  @BeforeEach
  void start() throws Exception {
    machines = new TestMachines(1500);
    node = new TestNode(machines, directory, BackendKind.ROUTES, 0, step -> {});
    PodNetworkTest.settle(node);
    pod = machines.sandbox("pod");
    data = Files.createDirectories(directory.resolve("host-local/chained"));
    chain =
        new Chain(
            node,
            "1.0.0",
            "{\"portMappings\":[{\"hostPort\":8080,\"containerPort\":80}]}",
            List.of(
                Chain.ours(
                    node,
                    ",\"capabilities\":{\"portMappings\":true},\"ipam\":{\"type\":\"host-local\","
                        + "\"subnet\":\"10.77.0.0/24\",\"dataDir\":\""
                        + data.getParent()
                        + "\"}")));
  }

  @AfterEach
  void stop() throws Exception {
    node.close();
    machines.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "remember the call",
        "take an address",
        "make the link",
        "route to it",
        "open its ports",
        "answer"
      })
  void duringAnAdd(String step) throws Exception {
    boolean whole = step.equals("open its ports") || step.equals("answer");
    node.agent.close();
    killedAt(
        step,
        () -> {
          TestNode.Outcome lost = chain.add("a", pod);
          assertThat(lost.errorCode()).as(lost.stdout()).isEqualTo(11);
        });
    node.start(BackendKind.ROUTES, any -> {});
    PodNetworkTest.settle(node);
    if (!whole) {
      assertNothingLeft();
    }
    TestNode.Outcome again = chain.add("a", pod);
    assertThat(again.exitCode()).as(again.stdout()).isZero();
    assertThat(chain.check("a", pod, again)).isEqualTo(new TestNode.Outcome(0, ""));
    chain.del("a", pod, again);
    assertNothingLeft();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "take it down",
        "close its ports",
        "end its delegate",
        "free its address",
        "forget the call"
      })
  void duringADel(String step) throws Exception {
    TestNode.Outcome added = chain.add("a", pod);
    assertThat(added.exitCode()).as(added.stdout()).isZero();
    node.agent.close();
    killedAt(step, () -> chain.del("a", pod, added));
    node.start(BackendKind.ROUTES, any -> {});
    assertNothingLeft();
  }

  private interface Action {
    void run() throws Exception;
  }

  private void killedAt(String step, Action action) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            KilledAgent.class.getName(),
            node.directory.toString(),
            node.address,
            node.range,
            step);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    Process agent = node.machine.start(builder);
    try (BufferedReader said = agent.inputReader(StandardCharsets.UTF_8)) {
      assertThat(said.readLine()).isEqualTo("ready");
      action.run();
      assertThat(agent.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(agent.exitValue()).isEqualTo(137);
    } finally {
      agent.destroyForcibly();
    }
  }

  private void assertNothingLeft() throws Exception {
    AttachmentTest.awaitNoWires(node);
    assertThat(names(data)).noneMatch(name -> name.startsWith("10."));
    assertThat(names(node.directory.resolve("state/calls"))).isEmpty();
    assertThat(ChainTest.output(node.machine, "nft", "list", "ruleset")).doesNotContain("8080");
    assertThat(ChainTest.output(node.machine, "ip", "route")).doesNotContain("10.77.");
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
