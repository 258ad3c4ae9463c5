// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Link;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.podnet.settings.BackendKind;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The executable and the agent behind it, called as the specification says and as it does not.
final class ExecutableTest {
  private static final Path NOWHERE = Path.of("/run/netns/fairway-there-is-no-such");

  @TempDir Path directory;

  private TestMachines machines;
  private TestNode node;

  @BeforeEach
  void start() throws Exception {
    machines = new TestMachines(1500);
    node = new TestNode(machines, directory, BackendKind.ROUTES, 0, step -> {});
  }

  @AfterEach
  void stop() throws Exception {
    node.close();
    machines.close();
  }

  @Test
  void versionNeedsNoAgent() throws Exception {
    node.agent.close();
    TestNode.Outcome outcome =
        node.run(
            "fairway-cni", Map.of("CNI_COMMAND", "VERSION"), bytes("{\"cniVersion\":\"0.4.0\"}"));
    assertThat(outcome)
        .isEqualTo(
            new TestNode.Outcome(
                0,
                "{\"cniVersion\":\"0.4.0\","
                    + "\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\","
                    + "\"1.0.0\",\"1.1.0\"]}\n"));
    node.start(BackendKind.ROUTES, step -> {});
  }

  @Test
  void beforeTheNodeHasARangeAnAddIsToBeTriedAgain() throws Exception {
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome outcome = node.add("a", sandbox);
    assertThat(outcome.errorCode()).isEqualTo(11);
    assertThat(outcome.stdout()).contains("spec.podCIDR");
    assertThat(directory.resolve("worker-0/conf/10-fairway.conflist")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}            | 7 | agentSocket is missing",
        "{\"agentSocket\":7}                                  | 7 | agentSocket must be a string",
        "[]                                                   | 6 | not a JSON object",
        "``                                                   | 6 | not a JSON object",
        "{\"agentSocket\":\"SOCKET\"                          | 6 | not JSON",
        "{\"agentSocket\":\"SOCKET\",\"a\":1,\"a\":2}         | 6 | not JSON",
        "{\"agentSocket\":\"SOCKET\"}                         | 7 | name must name the network",
        "{\"plugins\":[]}                                     | 7 | one entry of its plugins",
        "{\"agentSocket\":\"SOCKET\",\"plugins\":[]}           | 7 | one entry of its plugins",
        "{\"agentSocket\":\"SOCKET\",\"cniVersion\":\"9.9\"}  | 1 | 9.9",
        "{\"agentSocket\":\"SOCKET\",\"cniVersion\":\"1.0.0\"}| 7 | name must name the network",
        "{\"agentSocket\":\"SOCKET\",\"cniVersion\":\"1.0.0\",\"name\":\"-\"} | 7 | name must",
        "{\"agentSocket\":\"SOCKET\",\"name\":\"n\",\"prevResult\":[]} | 7 | prevResult must be",
        "{\"agentSocket\":\"SOCKET\",\"name\":\"n\",\"ipam\":{\"type\":\"../sh\"}} | 7 | ipam.type",
        "{\"agentSocket\":\"SOCKET\",\"name\":\"n\",\"runtimeConfig\":"
            + "{\"portMappings\":[{\"hostPort\":1}]}} | 7 | portMappings[0].containerPort",
        "{\"agentSocket\":\"SOCKET\",\"name\":\"n\",\"runtimeConfig\":"
            + "{\"mac\":\"01:00:00:00:00:01\"}} | 7 | runtimeConfig.mac must be of one",
      })
  void aBadConfigurationIsToldByTheSpecificationsCode(String stdin, int code, String message)
      throws Exception {
    String filled = stdin.replace("SOCKET", node.socket().toString());
    TestNode.Outcome outcome = node.cni("ADD", "a", NOWHERE, filled);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.errorCode()).as(outcome.stdout()).isEqualTo(code);
    assertThat(outcome.stdout()).contains(message);
  }

  @ParameterizedTest
  @CsvSource({
    "CNI_COMMAND, '', CNI_COMMAND is not set",
    "CNI_COMMAND, MELT, CNI_COMMAND must be",
    "CNI_CONTAINERID, '', CNI_CONTAINERID is not set",
    "CNI_CONTAINERID, a/b, CNI_CONTAINERID must be",
    "CNI_IFNAME, '', CNI_IFNAME is not set",
    "CNI_IFNAME, .., CNI_IFNAME must be",
    "CNI_IFNAME, averylonginterfacename, CNI_IFNAME must be",
    "CNI_NETNS, '', CNI_NETNS is not set",
    "CNI_NETNS, relative, CNI_NETNS must be",
    "CNI_ARGS, nonsense, CNI_ARGS must be",
    "CNI_ARGS, K8S_POD_NAMESPACE=a b;K8S_POD_NAME=x, K8S_POD_NAMESPACE must be",
  })
  void aBadEnvironmentIsCodeFour(String variable, String value, String message) throws Exception {
    Map<String, String> environment = new HashMap<>();
    environment.put("CNI_COMMAND", "ADD");
    environment.put("CNI_CONTAINERID", "a");
    environment.put("CNI_IFNAME", "eth0");
    environment.put("CNI_NETNS", NOWHERE.toString());
    environment.put(variable, value);
    TestNode.Outcome outcome = node.run("fairway-cni", environment, bytes(node.config()));
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.errorCode()).as(outcome.stdout()).isEqualTo(4);
    assertThat(outcome.stdout()).contains(message);
  }

  @Test
  void inputIsBounded() throws Exception {
    byte[] large = new byte[(1 << 20) + 1];
    Arrays.fill(large, (byte) ' ');
    TestNode.Outcome outcome = node.run("fairway-cni", Map.of("CNI_COMMAND", "ADD"), large);
    assertThat(outcome.errorCode()).isEqualTo(7);
    assertThat(outcome.stdout()).contains("1 MiB");
    Map<String, String> environment =
        Map.of("CNI_COMMAND", "ADD", "CNI_ARGS", "A=" + "x".repeat(70_000));
    assertThat(node.run("fairway-cni", environment, bytes(node.config())).errorCode()).isEqualTo(4);
  }

  @Test
  void whateverComesOnStdinIsAnsweredByAnErrorInJson() throws Exception {
    Random random = new Random(20261123);
    String good = node.config(",\"ipam\":{\"a\":[1,2,{\"b\":null}]},\"x\":\"\\u0041\\\"\"");
    for (int round = 0; round < 150; round++) {
      byte[] stdin = bytes(good);
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        stdin[random.nextInt(stdin.length)] = (byte) random.nextInt(256);
      }
      byte[] cut = Arrays.copyOf(stdin, random.nextInt(stdin.length + 1));
      Map<String, String> environment =
          Map.of("CNI_COMMAND", "CHECK", "CNI_CONTAINERID", "a", "CNI_IFNAME", "eth0");
      TestNode.Outcome outcome = node.run("fairway-cni", environment, cut);
      assertThat(outcome.exitCode()).as("round %d", round).isEqualTo(1);
      assertThat(outcome.errorCode()).as(outcome.stdout()).isPositive();
    }
  }

  @Test
  void loopbackIsBroughtUpWithoutTheAgent() throws Exception {
    node.agent.close();
    Path sandbox = machines.sandbox("a");
    Map<String, String> environment =
        new HashMap<>(Map.of("CNI_COMMAND", "ADD", "CNI_NETNS", sandbox.toString()));
    byte[] stdin = bytes("{\"cniVersion\":\"0.3.1\",\"name\":\"lo\",\"type\":\"loopback\"}");
    TestNode.Outcome outcome = node.run("loopback", environment, stdin);
    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.json().path("ips").path(0).path("version").stringValue()).isEqualTo("4");
    try (NetworkNamespace inside = NetworkNamespace.open(sandbox);
        RouteNetlink netlink = RouteNetlink.open(inside)) {
      assertThat(netlink.link("lo").map(Link::up)).contains(true);
    }
    environment.put("CNI_COMMAND", "CHECK");
    assertThat(node.run("loopback", environment, stdin).exitCode()).isZero();
    environment.put("CNI_COMMAND", "DEL");
    assertThat(node.run("loopback", environment, stdin).exitCode()).isZero();
    environment.put("CNI_COMMAND", "ADD");
    environment.put("CNI_NETNS", NOWHERE.toString());
    assertThat(node.run("loopback", environment, stdin).errorCode()).isEqualTo(4);
    node.start(BackendKind.ROUTES, step -> {});
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
