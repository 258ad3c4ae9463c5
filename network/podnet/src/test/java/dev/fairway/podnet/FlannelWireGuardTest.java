// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.wireguard.UserspaceWireGuard;
import dev.fairway.linux.wireguard.WireGuardChange;
import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.linux.wireguard.WireGuardSecret;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/// A Fairway node and one as flannel's backend `wireguard` makes it: its annotations, its device
/// `flannel-wg` (port 51820, 80 bytes less than the link, one route for all pods), and a peer of
/// which it takes nothing but what comes from that node's range.
final class FlannelWireGuardTest {
  private static final int PORT = 51820;
  private static final int MTU = 1420;
  private static final IpAddress THEIR_POD = IpAddress.parse("10.200.1.5");

  @TempDir Path directory;

  @Test
  void theirPodsReachOursAndOursTheirs() throws Exception {
    WireGuardSecret secret = WireGuardSecret.generate();
    try (TestMachines machines = new TestMachines(1500);
        TestNode ours = new TestNode(machines, directory, BackendKind.ROUTES, 0, step -> {});
        NetworkNamespace theirs = machines.machine("theirs", "10.240.0.21");
        UserspaceWireGuard device =
            new UserspaceWireGuard(theirs, "flannel-wg", directory.resolve("flannel"), () -> {})) {
      try {
        ours.agent.set(
            PodNetworkSettings.parse(
                """
                apiVersion: podnet.fairway.dev/v1
                kind: PodNetworkConfiguration
                podRanges: [10.200.0.0/16]
                backend: wireguard
                wireguard: {driver: userspace}
                """));
        List<Node> nodes = List.of(ours.object(), flannelNode(secret.publicKey()));
        ours.agent.nodes(nodes);
        assertThat(ours.announced)
            .containsEntry("flannel.alpha.coreos.com/backend-type", "wireguard")
            .containsEntry("flannel.alpha.coreos.com/public-ip", "10.240.0.20")
            .containsEntry("flannel.alpha.coreos.com/kube-subnet-manager", "true");
        String data = ours.announced.get("flannel.alpha.coreos.com/backend-data");
        asFlannelDoes(
            device,
            theirs,
            secret,
            new WireGuardKey(new JsonMapper().readTree(data).path("PublicKey").stringValue()));
        long deadline = System.nanoTime() + 60_000_000_000L;
        do {
          assertThat(System.nanoTime()).isLessThan(deadline);
          ours.agent.nodes(List.of(ours.object(), flannelNode(secret.publicKey())));
        } while (!ours.agent.problems().isEmpty());

        Path here = machines.sandbox("here");
        Path there = machines.sandbox("there");
        IpAddress address = ours.add("here", here).address();
        FlannelPeerTest.connectTheirPod(theirs, there, MTU);
        PodNetworkTest.exchange(here, there, THEIR_POD);
        PodNetworkTest.exchange(there, here, address);
        PodNetworkTest.assertPasses(here, there, THEIR_POD, MTU, true);
      } finally {
        device.remove();
      }
    }
  }

  private static void asFlannelDoes(
      UserspaceWireGuard device, NetworkNamespace machine, WireGuardSecret own, WireGuardKey ours)
      throws Exception {
    device.create(MTU);
    device.change(new WireGuardChange(Optional.of(own), OptionalInt.of(PORT), List.of()));
    WireGuardPeer peer =
        WireGuardPeer.of(
            ours,
            new TransportAddress(IpAddress.parse("10.240.0.20"), PORT),
            List.of(Prefix.parse("10.200.0.0/24")),
            0);
    device.change(WireGuardChange.ofPeers(List.of(new WireGuardChange.Put(peer, true))));
    for (String command :
        List.of(
            "ip address add 10.200.1.0/32 dev flannel-wg",
            "ip link set flannel-wg up",
            "ip route add 10.200.0.0/16 dev flannel-wg scope link",
            "sysctl -qw net.ipv4.ip_forward=1")) {
      FlannelPeerTest.run(machine, command);
    }
  }

  /// As flanneld writes it.
  private static Node flannelNode(WireGuardKey key) {
    return new NodeBuilder()
        .withNewMetadata()
        .withName("theirs")
        .addToAnnotations(
            "flannel.alpha.coreos.com/backend-data", "{\"PublicKey\":\"" + key.text() + "\"}")
        .addToAnnotations("flannel.alpha.coreos.com/backend-type", "wireguard")
        .addToAnnotations("flannel.alpha.coreos.com/kube-subnet-manager", "true")
        .addToAnnotations("flannel.alpha.coreos.com/public-ip", "10.240.0.21")
        .endMetadata()
        .withNewSpec()
        .withPodCIDR("10.200.1.0/24")
        .withPodCIDRs("10.200.1.0/24")
        .endSpec()
        .build();
  }
}
