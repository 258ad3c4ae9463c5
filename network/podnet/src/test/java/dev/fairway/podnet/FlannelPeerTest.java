// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A Fairway node and one as flannel makes it: by `ip` and `bridge`, with the device, entries and
/// annotations of flannel's VXLAN backend (its Documentation/backends.md and kubernetes.md).
final class FlannelPeerTest {
  private static final String PEER_MAC = "e2:07:3c:11:5a:90";
  private static final String PEER_MAC_V6 = "6a:51:0d:9e:44:02";

  @TempDir Path directory;

  @Test
  void theirPodsReachOursAndOursTheirs() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode ours = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
        NetworkNamespace theirs = machines.machine("theirs", "10.240.0.21")) {
      ours.agent.nodes(List.of(ours.object(), flannelNode()));
      ours.agent.nodes(List.of(ours.object(), flannelNode()));
      assertThat(ours.agent.problems()).isEmpty();
      assertThat(ours.announced)
          .containsEntry("flannel.alpha.coreos.com/backend-type", "vxlan")
          .containsEntry("flannel.alpha.coreos.com/public-ip", "10.240.0.20")
          .containsEntry("flannel.alpha.coreos.com/kube-subnet-manager", "true");
      JsonNode told =
          new JsonMapper().readTree(ours.announced.get("flannel.alpha.coreos.com/backend-data"));
      assertThat(told.path("VNI").intValue()).isEqualTo(1);

      Path here = machines.sandbox("here");
      Path there = machines.sandbox("there");
      IpAddress address = ours.add("here", here).address();
      asFlannelDoes(theirs, told.path("VtepMAC").stringValue());
      connectTheirPod(theirs, there, 1450);

      Path capture = directory.resolve("capture");
      Process tcpdump =
          theirs.start(
              new ProcessBuilder("tcpdump", "-lnne", "-i", "eth0", "-c", "4", "-T", "vxlan", "udp")
                  .redirectErrorStream(true)
                  .redirectOutput(capture.toFile()));
      try {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (!Files.readString(capture).contains("listening on")) {
          assertThat(System.nanoTime()).isLessThan(deadline);
          Thread.onSpinWait();
        }
        PodNetworkTest.exchange(here, there, IpAddress.parse("10.200.1.5"));
        PodNetworkTest.exchange(there, here, address);
        PodNetworkTest.assertPasses(here, there, IpAddress.parse("10.200.1.5"), 1450, true);
        assertThat(tcpdump.waitFor(30, TimeUnit.SECONDS)).isTrue();
      } finally {
        tcpdump.destroyForcibly().waitFor();
      }
      assertThat(Files.readString(capture))
          .containsPattern("10[.]240[.]0[.]20[.]\\d+ > 10[.]240[.]0[.]21[.]8472: VXLAN, .*vni 1")
          .contains(PEER_MAC, told.path("VtepMAC").stringValue());
    }
  }

  /// Of a dual-stack network flannel has a device a family: `flannel.1` and `flannel-v6.1`.
  @Test
  void inADualStackNetworkBothFamiliesReachTheOtherSide() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode ours = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
        NetworkNamespace theirs = machines.machine("theirs", "10.240.0.21")) {
      run(ours.machine, "ip address add fd00:240::20/64 dev eth0 nodad");
      run(theirs, "ip address add fd00:240::21/64 dev eth0 nodad");
      for (int round = 0; round < 2; round++) {
        ours.agent.nodes(List.of(dual(ours), dualFlannelNode()));
      }
      assertThat(ours.agent.problems()).isEmpty();
      assertThat(ours.announced)
          .containsEntry("flannel.alpha.coreos.com/public-ip", "10.240.0.20")
          .containsEntry("flannel.alpha.coreos.com/public-ipv6", "fd00:240::20");
      String mac = mac(ours.announced.get("flannel.alpha.coreos.com/backend-data"));
      String macV6 = mac(ours.announced.get("flannel.alpha.coreos.com/backend-v6-data"));
      assertThat(macV6).isNotEqualTo(mac);

      Path here = machines.sandbox("here");
      Path there = machines.sandbox("there");
      TestNode.Outcome added = ours.add("here", here);
      asFlannelDoes(theirs, mac);
      asFlannelDoesForIpv6(theirs, macV6);
      connectTheirPod(theirs, there, 1450);
      run(theirs, "ip address add fd00:10:200:1::1/64 dev pod0 nodad");
      String pod = String.valueOf(there.getFileName());
      run(theirs, "ip -n " + pod + " address add fd00:10:200:1::5/64 dev eth0 nodad");
      run(theirs, "ip -n " + pod + " route add default via fd00:10:200:1::1");

      PodNetworkTest.exchange(here, there, IpAddress.parse("10.200.1.5"));
      PodNetworkTest.exchange(there, here, added.address());
      IpAddress address =
          Prefix.parse(added.json().path("ips").path(1).path("address").stringValue()).address();
      PodNetworkTest.exchange(here, there, IpAddress.parse("fd00:10:200:1::5"));
      PodNetworkTest.exchange(there, here, address);
      assertThat(PodLab.run(ours.machine, "ip", "-6", "route", "get", "fd00:10:200:1::5"))
          .contains("dev fairway-v6.1");
      assertThat(PodLab.run(ours.machine, "ip", "-s", "link", "show", "fairway-v6.1"))
          .contains("mtu 1430");
      // The next agent finds all in place, and without such a node the device goes.
      ours.agent.close();
      ours.start(BackendKind.VXLAN, step -> {});
      ours.agent.nodes(List.of(dual(ours), dualFlannelNode()));
      PodNetworkTest.exchange(here, there, IpAddress.parse("fd00:10:200:1::5"));
      ours.agent.nodes(List.of(dual(ours), flannelNode()));
      assertThat(PodLab.run(ours.machine, "ip", "link")).doesNotContain("fairway-v6.1");
      PodNetworkTest.exchange(here, there, IpAddress.parse("10.200.1.5"));
    }
  }

  private static String mac(String data) {
    return new JsonMapper().readTree(data).path("VtepMAC").stringValue();
  }

  private static Node dual(TestNode node) {
    return new NodeBuilder(node.object())
        .editSpec()
        .addToPodCIDRs("fd00:10:200::/64")
        .endSpec()
        .build();
  }

  private static Node dualFlannelNode() {
    return new NodeBuilder(flannelNode())
        .editMetadata()
        .addToAnnotations(
            "flannel.alpha.coreos.com/backend-v6-data",
            "{\"VNI\":1,\"VtepMAC\":\"" + PEER_MAC_V6 + "\"}")
        .addToAnnotations("flannel.alpha.coreos.com/public-ipv6", "fd00:240::21")
        .endMetadata()
        .editSpec()
        .addToPodCIDRs("fd00:10:200:1::/64")
        .endSpec()
        .build();
  }

  private static void asFlannelDoesForIpv6(NetworkNamespace machine, String ourMac)
      throws Exception {
    run(
        machine,
        "ip link add flannel-v6.1 address "
            + PEER_MAC_V6
            + " type vxlan id 1 dev eth0 local fd00:240::21 dstport 8472 nolearning");
    run(machine, "ip address add fd00:10:200:1::/128 dev flannel-v6.1 nodad");
    run(machine, "ip link set flannel-v6.1 up");
    run(machine, "bridge fdb append " + ourMac + " dev flannel-v6.1 dst fd00:240::20");
    run(
        machine,
        "ip -6 neigh replace fd00:10:200:: lladdr " + ourMac + " dev flannel-v6.1 nud permanent");
    run(machine, "ip -6 route replace fd00:10:200::/64 via fd00:10:200:: dev flannel-v6.1 onlink");
    run(machine, "sysctl -qw net.ipv6.conf.all.forwarding=1");
  }

  /// As flanneld writes it.
  private static Node flannelNode() {
    return new NodeBuilder()
        .withNewMetadata()
        .withName("theirs")
        .addToAnnotations(
            "flannel.alpha.coreos.com/backend-data", "{\"VNI\":1,\"VtepMAC\":\"" + PEER_MAC + "\"}")
        .addToAnnotations("flannel.alpha.coreos.com/backend-type", "vxlan")
        .addToAnnotations("flannel.alpha.coreos.com/kube-subnet-manager", "true")
        .addToAnnotations("flannel.alpha.coreos.com/public-ip", "10.240.0.21")
        .endMetadata()
        .withNewSpec()
        .withPodCIDR("10.200.1.0/24")
        .withPodCIDRs("10.200.1.0/24")
        .endSpec()
        .build();
  }

  private static void asFlannelDoes(NetworkNamespace machine, String ourMac) throws Exception {
    run(
        machine,
        "ip link add flannel.1 address "
            + PEER_MAC
            + " type vxlan id 1 dev eth0 local 10.240.0.21 dstport 8472 nolearning");
    run(machine, "ip address add 10.200.1.0/32 dev flannel.1");
    run(machine, "ip link set flannel.1 up");
    run(machine, "bridge fdb append " + ourMac + " dev flannel.1 dst 10.240.0.20");
    run(machine, "ip neigh replace 10.200.0.0 lladdr " + ourMac + " dev flannel.1 nud permanent");
    run(machine, "ip route replace 10.200.0.0/24 via 10.200.0.0 dev flannel.1 onlink");
    run(machine, "sysctl -qw net.ipv4.ip_forward=1");
  }

  static void connectTheirPod(NetworkNamespace machine, Path pod, int mtu) throws Exception {
    String name = String.valueOf(pod.getFileName());
    run(
        machine,
        "ip link add pod0 mtu %d type veth peer name eth0 mtu %d netns %s"
            .formatted(mtu, mtu, name));
    run(machine, "ip address add 10.200.1.1/24 dev pod0");
    run(machine, "ip link set pod0 up");
    for (String command :
        List.of("address add 10.200.1.5/24 dev eth0", "link set eth0 up", "link set lo up")) {
      run(machine, "ip -n " + name + " " + command);
    }
    run(machine, "ip -n " + name + " route add default via 10.200.1.1");
  }

  static void run(NetworkNamespace machine, String command) throws Exception {
    Process process =
        machine.start(new ProcessBuilder(command.split(" ")).redirectErrorStream(true));
    String output = read(process);
    assertThat(process.waitFor()).as("%s: %s", command, output).isZero();
  }

  private static String read(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }
}
