// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.settings.BackendKind;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Ports of the node that lead to a pod, from everywhere, in both families.
final class HostPortTest {
  @TempDir Path directory;

  private TestMachines machines;
  private TestNode node;
  private NetworkNamespace client;
  private Path pod;
  private Path other;

  @BeforeEach
  void start() throws Exception {
    machines = new TestMachines(1500);
    node = new TestNode(machines, directory, BackendKind.ROUTES, 0, step -> {});
    client = machines.machine("client", "10.240.0.99");
    pod = machines.sandbox("pod");
    other = machines.sandbox("other");
    Sysctls.write(node.machine, Map.of("net.ipv6.conf.all.forwarding", "1"));
    for (NetworkNamespace machine : List.of(node.machine, client)) {
      String host = machine.equals(client) ? "99" : "20";
      try (RouteNetlink netlink = RouteNetlink.open(machine)) {
        netlink.apply(
            new RouteRequest.PutAddress(
                LinkAddress.of(10, IpAddress.parse("fd00:240::" + host), 64)));
      }
    }
    settle();
  }

  private void settle() throws Exception {
    Node object =
        new NodeBuilder(node.object())
            .editSpec()
            .withPodCIDRs(node.range, "fd00:10:200::/64")
            .endSpec()
            .build();
    node.agent.nodes(List.of(object));
  }

  @AfterEach
  void stop() throws Exception {
    node.close();
    machines.close();
  }

  private TestNode.Outcome add(String id, Path sandbox, String mappings) throws Exception {
    TestNode.Outcome added =
        node.cni(
            "ADD",
            id,
            sandbox,
            node.config(",\"runtimeConfig\":{\"portMappings\":" + mappings + "}"));
    return added;
  }

  @Test
  void fromOutsideFromTheNodeFromPodsAndFromThePodItself() throws Exception {
    TestNode.Outcome added =
        add(
            "a",
            pod,
            """
            [{"hostPort":8080,"containerPort":80,"protocol":"tcp"},
             {"hostPort":8053,"containerPort":53,"protocol":"UDP"},
             {"hostPort":8132,"containerPort":132,"protocol":"sctp"},
             {"hostPort":0,"containerPort":99},
             {"hostPort":8081,"containerPort":80,"hostIP":"10.240.0.20"},
             {"hostPort":8082,"containerPort":80,"hostIP":"0.0.0.0"},
             {"hostPort":8083,"containerPort":80,"hostIP":"127.0.0.1"}]\
            """);
    assertThat(added.exitCode()).as(added.stdout()).isZero();
    assertThat(node.add("b", other).exitCode()).isZero();
    String nodeAddress = "10.240.0.20";
    assertThat(Talk.assertTcp(client, nodeAddress, 8080, pod, 80)).isEqualTo("10.240.0.99");
    assertThat(Talk.assertTcp(client, "fd00:240::20", 8080, pod, 80)).startsWith("fd00:240:");
    Talk.assertTcp(client, nodeAddress, 8081, pod, 80);
    Talk.assertTcp(client, nodeAddress, 8082, pod, 80);
    Talk.assertNoTcp(client, nodeAddress, 8083);
    Talk.assertNoTcp(client, "fd00:240::20", 8082);
    Talk.assertUdp(client, nodeAddress, 8053, pod, 53);
    Talk.assertUdp(client, "fd00:240::20", 8053, pod, 53);
    assertThat(ChainTest.output(node.machine, "nft", "list", "table", "ip", "fairway-hostports"))
        .contains("sctp . 8132 : 10.200.0.2 . 132");

    Talk.assertTcp(node.machine, nodeAddress, 8080, pod, 80);
    Talk.assertTcp(node.machine, "fd00:240::20", 8080, pod, 80);
    Talk.assertTcp(node.machine, "127.0.0.1", 8080, pod, 80);
    Talk.assertTcp(node.machine, "127.0.0.1", 8083, pod, 80);
    Talk.assertUdp(node.machine, "127.0.0.1", 8053, pod, 53);
    Talk.assertNoTcp(node.machine, "::1", 8080);
    try (NetworkNamespace inOther = NetworkNamespace.open(other);
        NetworkNamespace inPod = NetworkNamespace.open(pod)) {
      assertThat(Talk.assertTcp(inOther, nodeAddress, 8080, pod, 80)).isEqualTo("10.200.0.3");
      Talk.assertTcp(inOther, "fd00:240::20", 8080, pod, 80);
      Talk.assertTcp(inPod, nodeAddress, 8080, pod, 80);
      Talk.assertTcp(inPod, "fd00:240::20", 8080, pod, 80);
    }
    assertThat(node.del("a", pod).exitCode()).isZero();
    Talk.assertNoTcp(client, nodeAddress, 8080);
    assertThat(ChainTest.output(node.machine, "nft", "list", "ruleset")).doesNotContain("8080");
  }

  @Test
  void aPodCannotUseTheWayOfTheNodesLoopback() throws Exception {
    add("a", pod, "[{\"hostPort\":8080,\"containerPort\":80}]");
    try (NetworkNamespace inside = NetworkNamespace.open(pod);
        RouteNetlink netlink = RouteNetlink.open(inside);
        ServerSocketChannel secret = node.machine.call(ServerSocketChannel::open)) {
      secret.bind(new InetSocketAddress(IpAddress.parse("127.0.0.1").toInetAddress(), 7777));
      // The pod does all it can: its own loopback is gone and all of 127/8 leaves by eth0.
      netlink.apply(RouteRequest.ChangeLink.of("lo").setDown());
      ChainTest.output(
          inside, "ip", "route", "add", "127.0.0.0/8", "via", "169.254.1.1", "dev", "eth0");
      Sysctls.write(inside, Map.of("net.ipv4.conf.eth0.route_localnet", "1"));
      Talk.assertNoTcp(inside, "127.0.0.1", 7777);
      secret.configureBlocking(false);
      assertThat(secret.accept()).isNull();
    }
  }

  @Test
  void aPortIsOfOnePodAndFreeWhenItsPodIsGone() throws Exception {
    String mapping = "[{\"hostPort\":8080,\"containerPort\":80}]";
    TestNode.Outcome first = add("a", pod, mapping);
    assertThat(add("a", pod, mapping)).as("asked again").isEqualTo(first);
    TestNode.Outcome refused =
        add("b", other, "[{\"hostPort\":8080,\"containerPort\":81,\"hostIP\":\"10.240.0.20\"}]");
    assertThat(refused.errorCode()).isEqualTo(103);
    assertThat(refused.stdout()).contains("8080/TCP").contains("sandbox a");
    assertThat(AttachmentTest.wires(node)).hasSize(1);
    assertThat(
            add("b", other, "[{\"hostPort\":8080,\"containerPort\":81,\"protocol\":\"udp\"}]")
                .exitCode())
        .isZero();
    node.del("b", other);
    // Without a DEL, and without waiting for the next look at the kernel.
    machines.removeSandbox(pod);
    AttachmentTest.awaitNoWires(node);
    assertThat(add("b", other, mapping).exitCode()).isZero();
    Talk.assertTcp(client, "10.240.0.20", 8080, other, 80);
    node.agent.close();
    node.start(BackendKind.ROUTES, step -> {});
    settle();
    Talk.assertTcp(client, "10.240.0.20", 8080, other, 80);
    TestNode.Outcome again = add("b", other, mapping);
    assertThat(node.check("b", other, again)).isEqualTo(new TestNode.Outcome(0, ""));
  }

  @Test
  void aMacThatIsAskedForIsGivenOnce() throws Exception {
    String mac = ",\"runtimeConfig\":{\"mac\":\"c2:11:22:33:44:66\"}";
    TestNode.Outcome added = node.cni("ADD", "a", pod, node.config(mac));
    assertThat(added.stdout()).contains("c2:11:22:33:44:66");
    assertThat(node.check("a", pod, added)).isEqualTo(new TestNode.Outcome(0, ""));
    assertThat(node.cni("ADD", "b", other, node.config(mac)).errorCode()).isEqualTo(7);
    String ours = ",\"runtimeConfig\":{\"mac\":\"0a:58:0a:c8:00:02\"}";
    assertThat(node.cni("ADD", "b", other, node.config(ours)).errorCode()).isEqualTo(7);
    node.del("a", pod);
    assertThat(node.cni("ADD", "b", other, node.config(mac)).exitCode()).isZero();
    PodNetworkTest.exchange(other, other, IpAddress.parse("10.200.0.3"));
  }
}
