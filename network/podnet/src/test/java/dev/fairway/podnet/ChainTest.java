// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.podnet.settings.BackendKind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Our plugin in lists with those of Debian's containernetworking-plugins, before them and after
/// them, and with their delegates for addresses.
final class ChainTest {
  private static final String CAPABILITIES =
      ",\"capabilities\":{\"portMappings\":true,\"bandwidth\":true}";

  private static final String RUNTIME =
      """
      {"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}],
       "bandwidth":{"ingressRate":80000000,"ingressBurst":8000000,
                    "egressRate":40000000,"egressBurst":4000000}}\
      """;

  @TempDir Path directory;

  private TestMachines machines;
  private TestNode node;
  private NetworkNamespace client;
  private Path pod;
  private volatile String failing = "";

  @BeforeEach
  void start() throws Exception {
    machines = new TestMachines(1500);
    node = new TestNode(machines, directory, BackendKind.ROUTES, 0, this::maybeFail);
    PodNetworkTest.settle(node);
    client = machines.machine("client", "10.240.0.99");
    pod = machines.sandbox("pod");
  }

  @AfterEach
  void stop() throws Exception {
    node.close();
    machines.close();
  }

  private void maybeFail(String step) {
    if (step.equals(failing)) {
      throw new IllegalStateException("told to fail before: " + step);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.3.0", "0.3.1", "0.4.0", "1.0.0"})
  void firstWithPortmapAndBandwidthBehind(String version) throws Exception {
    Chain chain =
        new Chain(
            node,
            version,
            RUNTIME,
            List.of(
                Chain.ours(node, ""),
                "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}",
                "{\"type\":\"bandwidth\",\"capabilities\":{\"bandwidth\":true}}"));
    TestNode.Outcome added = chain.add("a", pod);
    assertThat(added.exitCode()).as(added.stdout()).isZero();
    assertThat(added.json().path("cniVersion").stringValue()).isEqualTo(version);
    Talk.assertTcp(client, "10.240.0.20", 8080, pod, 80);
    if (version.compareTo("0.4.0") >= 0) {
      // Not portmap, whose version 1.1.1 looks for rules of IPv6 where there is none.
      for (String plugin : List.of(chain.plugins().getFirst(), chain.plugins().getLast())) {
        assertThat(chain.call("CHECK", "a", pod, plugin, added.stdout()))
            .isEqualTo(new TestNode.Outcome(0, ""));
      }
    }
    chain.del("a", pod, added);
    assertThat(node.agent.problems()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"bridge", "ptp"})
  void lastBehindOthersItsResultIsTheirs(String type) throws Exception {
    String first =
        "{\"type\":\""
            + type
            + "\",\"isGateway\":true,\"ipam\":{\"type\":\"host-local\",\"subnet\":\"10.99.0.0/24\","
            + "\"dataDir\":\""
            + directory.resolve("host-local")
            + "\",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}";
    Chain alone = new Chain(node, "1.0.0", "{}", List.of(first));
    Chain chain = new Chain(node, "1.0.0", RUNTIME, List.of(first, Chain.ours(node, CAPABILITIES)));
    TestNode.Outcome before = alone.add("a", pod);
    TestNode.Outcome added =
        chain.call("ADD", "a", pod, chain.plugins().getLast(), before.stdout());
    assertThat(added.json()).isEqualTo(before.json());
    Talk.assertTcp(client, "10.240.0.20", 8080, pod, 80);
    assertThat(qdiscs(pod)).contains("tbf", "rate 40Mbit");
    assertThat(qdiscs(node.machine)).contains("tbf", "rate 80Mbit");
    assertThat(chain.check("a", pod, added)).isEqualTo(new TestNode.Outcome(0, ""));
    // A new agent knows the port again.
    node.agent.close();
    node.start(BackendKind.ROUTES, this::maybeFail);
    PodNetworkTest.settle(node);
    Talk.assertTcp(client, "10.240.0.20", 8080, pod, 80);
    chain.del("a", pod, added);
    assertThat(tables()).doesNotContain("8080");
    assertThat(remembered()).isEmpty();
  }

  @Test
  void anInterfaceOfItsOwnIsAddedToWhatWasThere() throws Exception {
    String loopback = "{\"type\":\"loopback\"}";
    Chain chain =
        new Chain(node, "1.0.0", RUNTIME, List.of(loopback, Chain.ours(node, CAPABILITIES)));
    // The interface of the first has the same name as ours would have, were it not renamed.
    TestNode.Outcome before =
        new TestNode.Outcome(
            0,
            "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"lo\",\"sandbox\":\""
                + pod
                + "\"}],\"ips\":[{\"address\":\"127.0.0.1/8\",\"interface\":0}],"
                + "\"routes\":[{\"dst\":\"10.9.0.0/16\"}]}");
    TestNode.Outcome added =
        chain.call("ADD", "a", pod, chain.plugins().getLast(), before.stdout());
    JsonNode result = added.json();
    assertThat(result.path("interfaces")).hasSize(3);
    assertThat(result.path("ips")).hasSize(2);
    assertThat(result.path("ips").path(1).path("interface").intValue()).isEqualTo(2);
    assertThat(result.path("ips").path(1).path("address").stringValue()).isEqualTo("10.200.0.2/32");
    assertThat(result.path("routes")).hasSize(2);
    Talk.assertTcp(client, "10.240.0.20", 8080, pod, 80);
    assertThat(chain.call("CHECK", "a", pod, chain.plugins().getLast(), added.stdout()))
        .isEqualTo(new TestNode.Outcome(0, ""));
    chain.del("a", pod, added);
  }

  /// Nobody asks the node for them, but people see them at the link.
  @Test
  void aliasesAreToldByTheNodesLink() throws Exception {
    String aliases = ",\"capabilities\":{\"aliases\":true}";
    Chain chain =
        new Chain(
            node, "1.0.0", "{\"aliases\":[\"web\",\"till\"]}", List.of(Chain.ours(node, aliases)));
    TestNode.Outcome added = chain.add("a", pod);
    assertThat(added.exitCode()).as(added.stdout()).isZero();
    String link = added.json().path("interfaces").path(0).path("name").stringValue();
    try (RouteNetlink links = RouteNetlink.open(node.machine)) {
      assertThat(links.link(link).orElseThrow().alias()).isEqualTo("web,till");
    }
    chain.del("a", pod, added);
  }

  @Test
  void addressesOfADelegate() throws Exception {
    Path data = directory.resolve("host-local");
    Chain chain = delegated(data);
    TestNode.Outcome added = chain.add("a", pod);
    assertThat(added.exitCode()).as(added.stdout()).isZero();
    assertThat(added.address()).hasToString("10.77.0.2");
    assertThat(added.json().path("dns").path("search").path(0).stringValue()).isEqualTo("a.b");
    assertThat(chain.add("a", pod)).as("asked again").isEqualTo(added);
    assertThat(chain.check("a", pod, added)).isEqualTo(new TestNode.Outcome(0, ""));
    assertThat(reserved(data)).containsExactly("10.77.0.2");
    chain.del("a", pod, added);
    chain.del("a", pod, added);
    assertThat(reserved(data)).isEmpty();
    assertThat(remembered()).isEmpty();

    for (String step : List.of("make the link", "route to it", "open its ports", "answer")) {
      failing = step;
      assertThat(chain.add("a", pod).exitCode()).as(step).isEqualTo(1);
      assertThat(reserved(data)).as(step).isEmpty();
      assertThat(remembered()).as(step).isEmpty();
      assertThat(tables()).as(step).doesNotContain("8080");
    }
    failing = "";
    // Gone without a DEL while no agent runs: the next one tells the delegate.
    assertThat(chain.add("a", pod).exitCode()).isZero();
    node.agent.close();
    machines.removeSandbox(pod);
    AttachmentTest.awaitNoWires(node);
    node.start(BackendKind.ROUTES, this::maybeFail);
    assertThat(reserved(data)).isEmpty();
    assertThat(remembered()).isEmpty();
  }

  @Test
  void aDelegateThatRefusesIsHeard() throws Exception {
    Chain unknown =
        new Chain(
            node, "1.0.0", "{}", List.of(Chain.ours(node, ",\"ipam\":{\"type\":\"nobody\"}")));
    TestNode.Outcome refused = unknown.add("a", pod);
    assertThat(refused.errorCode()).isEqualTo(7);
    assertThat(refused.stdout()).contains("nobody").contains("CNI_PATH");
    Chain wrong =
        new Chain(
            node,
            "1.0.0",
            "{}",
            List.of(
                Chain.ours(node, ",\"ipam\":{\"type\":\"host-local\",\"subnet\":\"nonsense\"}")));
    TestNode.Outcome told = wrong.add("a", pod);
    assertThat(told.exitCode()).isEqualTo(1);
    assertThat(told.stdout()).contains("ipam host-local: ").contains("nonsense");
    assertThat(remembered()).isEmpty();
  }

  @Test
  void rangesAreADelegatesToGive() throws Exception {
    String ranges = "{\"ipRanges\":[[{\"subnet\":\"10.78.0.0/24\"}]]}";
    String capability = ",\"capabilities\":{\"ipRanges\":true}";
    Chain own = new Chain(node, "1.0.0", ranges, List.of(Chain.ours(node, capability)));
    TestNode.Outcome refused = own.add("a", pod);
    assertThat(refused.errorCode()).isEqualTo(2);
    assertThat(refused.stdout()).contains("ipRanges").contains("10.78.0.0/24");
    Chain delegated =
        new Chain(
            node,
            "1.0.0",
            ranges,
            List.of(
                Chain.ours(
                    node,
                    capability
                        + ",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\""
                        + directory.resolve("ranges")
                        + "\"}")));
    TestNode.Outcome added = delegated.add("a", pod);
    assertThat(added.stdout()).contains("10.78.0.2");
    delegated.del("a", pod, added);
  }

  private Chain delegated(Path data) {
    return new Chain(
        node,
        "1.0.0",
        RUNTIME,
        List.of(
            Chain.ours(
                node,
                CAPABILITIES
                    + ",\"dns\":{\"search\":[\"a.b\"]},\"ipam\":{\"type\":\"host-local\","
                    + "\"subnet\":\"10.77.0.0/24\",\"dataDir\":\""
                    + data
                    + "\"}")));
  }

  private static List<String> reserved(Path data) throws IOException {
    try (Stream<Path> files = Files.list(data.resolve("chained"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith("10."))
          .toList();
    }
  }

  private List<Path> remembered() throws IOException {
    try (Stream<Path> files = Files.list(node.directory.resolve("state/calls"))) {
      return files.toList();
    }
  }

  private String tables() throws Exception {
    return output(node.machine, "nft", "list", "ruleset");
  }

  private static String qdiscs(Path sandbox) throws Exception {
    try (NetworkNamespace inside = NetworkNamespace.open(sandbox)) {
      return qdiscs(inside);
    }
  }

  private static String qdiscs(NetworkNamespace namespace) throws Exception {
    return output(namespace, "tc", "qdisc", "show");
  }

  static String output(NetworkNamespace namespace, String... command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(Map.of("LC_ALL", "C"));
    Process process = namespace.start(builder);
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }
}
