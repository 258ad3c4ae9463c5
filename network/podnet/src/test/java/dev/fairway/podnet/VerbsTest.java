// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.podnet.settings.BackendKind;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// The commands of every version, and what becomes of a DEL that nobody hears.
final class VerbsTest {
  private static final TestNode.Outcome DONE = new TestNode.Outcome(0, "");

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

  private TestNode.Outcome call(String command, String version, String id, String more)
      throws Exception {
    Path sandbox = Path.of("/run/netns/fwtest-none");
    return call(command, version, id, sandbox, more);
  }

  private TestNode.Outcome call(
      String command, String version, String id, Path sandbox, String more) throws Exception {
    String config = node.config(more).replace("\"1.0.0\"", "\"" + version + "\"");
    return node.cni(command, id, sandbox, config);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"})
  void everyVersionGetsItsOwnKindOfResult(String version) throws Exception {
    PodNetworkTest.settle(node);
    Path sandbox = machines.sandbox("a");
    TestNode.Outcome added = call("ADD", version, "a", sandbox, "");
    assertThat(added.exitCode()).as(added.stdout()).isZero();
    JsonNode result = added.json();
    assertThat(result.path("cniVersion").stringValue()).isEqualTo(version);
    boolean lists = version.compareTo("0.3.0") >= 0;
    assertThat(result.has("ip4")).isEqualTo(!lists);
    assertThat(result.has("ips")).isEqualTo(lists);
    assertThat(result.path("ips").path(0).has("version"))
        .isEqualTo(lists && version.startsWith("0"));
    assertThat(result.path("interfaces").path(1).has("mtu")).isEqualTo(version.equals("1.1.0"));
    TestNode.Outcome checked =
        call("CHECK", version, "a", sandbox, ",\"prevResult\":" + added.stdout());
    if (version.compareTo("0.4.0") >= 0) {
      assertThat(checked).isEqualTo(DONE);
    } else {
      assertThat(checked.errorCode()).as(checked.stdout()).isEqualTo(1);
    }
    TestNode.Outcome status = call("STATUS", version, "a", "");
    String gc = ",\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"eth0\"}]";
    TestNode.Outcome collected = call("GC", version, "a", gc);
    if (version.equals("1.1.0")) {
      assertThat(status).isEqualTo(DONE);
      assertThat(collected).isEqualTo(DONE);
    } else {
      assertThat(status.errorCode()).isEqualTo(1);
      assertThat(collected.errorCode()).isEqualTo(1);
    }
    assertThat(AttachmentTest.wires(node)).hasSize(1);
    assertThat(call("DEL", version, "a", sandbox, ",\"prevResult\":" + added.stdout()))
        .isEqualTo(DONE);
  }

  @Test
  void withoutAVersionItIsTheOldest() throws Exception {
    PodNetworkTest.settle(node);
    String config = node.config().replace("\"cniVersion\":\"1.0.0\",", "");
    TestNode.Outcome added = node.cni("ADD", "a", machines.sandbox("a"), config);
    assertThat(added.json().path("cniVersion").stringValue()).isEqualTo("0.1.0");
    assertThat(added.json().path("ip4").path("ip").stringValue()).isEqualTo("10.200.0.2/32");
  }

  @Test
  void statusBeforeThereIsARangeAndWithoutAnAgent() throws Exception {
    TestNode.Outcome early = call("STATUS", "1.1.0", "a", "");
    assertThat(early.errorCode()).as(early.stdout()).isEqualTo(50);
    assertThat(early.stdout()).contains("spec.podCIDR");
    PodNetworkTest.settle(node);
    assertThat(call("STATUS", "1.1.0", "a", "")).isEqualTo(DONE);
    node.agent.close();
    TestNode.Outcome down = call("STATUS", "1.1.0", "a", "");
    assertThat(down.errorCode()).isEqualTo(50);
    assertThat(down.stdout()).contains(node.socket().toString());
    assertThat(call("GC", "1.1.0", "a", ",\"cni.dev/valid-attachments\":[]").errorCode())
        .isEqualTo(11);
    node.start(BackendKind.ROUTES, step -> {});
  }

  @Test
  @Tag("slow") // it is noticed when the kernel is looked at the next time
  void statusWhenTheWayToOthersIsLost() throws Exception {
    PodNetworkTest.settle(node);
    try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
      netlink.apply(RouteRequest.DeleteLink.of("eth0"));
    }
    AttachmentTest.await(() -> call("STATUS", "1.1.0", "a", "").errorCode() == 51);
    assertThat(call("STATUS", "1.1.0", "a", "").stdout()).contains("eth0");
  }

  @Test
  void whatIsNotValidAnyMoreIsCollectedInItsNetworkOnly() throws Exception {
    PodNetworkTest.settle(node);
    Path kept = machines.sandbox("kept");
    Path stale = machines.sandbox("stale");
    Path other = machines.sandbox("other");
    TestNode.Outcome keptResult = node.add("kept", kept);
    TestNode.Outcome staleResult = node.add("stale", stale);
    String otherNetwork = node.config().replace("\"fairway\",", "\"elsewhere\",");
    TestNode.Outcome elsewhere = node.cni("ADD", "other", other, otherNetwork);
    assertThat(elsewhere.exitCode()).as(elsewhere.stdout()).isZero();

    assertThat(call("GC", "1.1.0", "x", "").errorCode()).as("no list").isEqualTo(7);
    assertThat(call("GC", "1.1.0", "x", ",\"cni.dev/valid-attachments\":7").errorCode())
        .isEqualTo(7);
    assertThat(AttachmentTest.wires(node)).hasSize(3);
    String valid = ":[{\"containerID\":\"kept\",\"ifname\":\"eth0\"}]";
    for (String name : new String[] {"cni.dev/valid-attachments", "cni.dev/attachments"}) {
      assertThat(call("GC", "1.1.0", "x", ",\"" + name + "\"" + valid)).isEqualTo(DONE);
      AttachmentTest.await(() -> AttachmentTest.wires(node).size() == 2);
    }
    assertThat(node.check("kept", kept, keptResult)).isEqualTo(DONE);
    assertThat(node.check("stale", stale, staleResult).errorCode()).isEqualTo(3);
    assertThat(node.check("stale", stale, keptResult).errorCode()).isEqualTo(102);
    String gc = otherNetwork.replace("1.0.0", "1.1.0").replace("}", "");
    assertThat(node.cni("GC", "x", other, gc + ",\"cni.dev/valid-attachments\":[]}"))
        .isEqualTo(DONE);
    AttachmentTest.await(() -> AttachmentTest.wires(node).size() == 1);
  }

  @Test
  void aDelWithoutAnAgentIsCarriedOutByTheNext() throws Exception {
    PodNetworkTest.settle(node);
    Path sandbox = machines.sandbox("a");
    node.add("a", sandbox);
    node.agent.close();
    assertThat(node.del("a", sandbox)).isEqualTo(DONE);
    assertThat(node.del("a", sandbox)).isEqualTo(DONE);
    Path missed = directory.resolve("worker-0/cni.sock.missed");
    assertThat(missed).isDirectoryContaining("glob:**");
    Files.writeString(missed.resolve("0123456789abcdef"), "nonsense");
    // The sandbox stays: only the DEL tells that the pod is gone.
    node.start(BackendKind.ROUTES, step -> {});
    AttachmentTest.awaitNoWires(node);
    assertThat(missed).isEmptyDirectory();
    PodNetworkTest.settle(node);
    assertThat(node.add("a", sandbox).exitCode()).isZero();
  }

  @Test
  void aMissedDelComesBeforeTheNextAdd() throws Exception {
    PodNetworkTest.settle(node);
    Path sandbox = machines.sandbox("a");
    node.add("a", sandbox);
    // A DEL finds nobody at the old socket, while the agent is already back at it.
    Path moved = directory.resolve("worker-0/moved.sock");
    Files.move(node.socket(), moved);
    assertThat(node.del("a", sandbox)).isEqualTo(DONE);
    Files.move(moved, node.socket());
    TestNode.Outcome added = node.add("a", sandbox);
    assertThat(added.exitCode()).isZero();
    assertThat(directory.resolve("worker-0/cni.sock.missed")).isEmptyDirectory();
    assertThat(node.check("a", sandbox, added)).isEqualTo(DONE);
  }

  @Test
  void loopbackOfTheOldVersionsAndLaterInAChain() throws Exception {
    Path sandbox = machines.sandbox("a");
    Map<String, String> environment = new HashMap<>();
    environment.put("CNI_COMMAND", "ADD");
    environment.put("CNI_NETNS", sandbox.toString());
    byte[] old = "{\"cniVersion\":\"0.2.0\",\"name\":\"lo\"}".getBytes(StandardCharsets.UTF_8);
    assertThat(node.run("loopback", environment, old).json().path("ip4").path("ip").stringValue())
        .isEqualTo("127.0.0.1/8");
    String previous = "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.1/8\"}]}";
    byte[] later =
        ("{\"cniVersion\":\"1.0.0\",\"name\":\"lo\",\"prevResult\":" + previous + "}")
            .getBytes(StandardCharsets.UTF_8);
    assertThat(node.run("loopback", environment, later).stdout()).isEqualTo(previous + "\n");
  }
}
