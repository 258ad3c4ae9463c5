// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Settings that change while pods talk, in both families, in the real kernel.
final class LiveChangeTest {
  private static final List<Prefix> BOTH =
      List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:10:200::/48"));
  private static final int ETH0 = 10;

  @TempDir Path directory;

  /// Neighbours in BGP take some seconds to find one another.
  private static void untilNobodyHasNews(List<TestNode> nodes, boolean tunnel) throws Exception {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (true) {
      DualNodes.talk(nodes);
      List<String> problems = new ArrayList<>();
      for (TestNode node : nodes) {
        problems.addAll(node.agent.problems());
        node.agent.plan().forEach(step -> problems.add(step.toString()));
        try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
          if (netlink.link(ForwardingState.TUNNEL_NAME).isPresent() != tunnel) {
            problems.add(node.name + ": the tunnel is " + (tunnel ? "not there" : "still there"));
          }
        }
      }
      if (problems.isEmpty()) {
        return;
      }
      assertThat(System.nanoTime()).as("%s", problems).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void noConnectionIsCutWhileNodesChangeTheirBackendOneAfterTheOther() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = DualNodes.node(machines, directory, 0);
        TestNode second = DualNodes.node(machines, directory, 1);
        TestNode third = DualNodes.node(machines, directory, 2)) {
      List<TestNode> nodes = List.of(first, second, third);
      PodNetworkSettings vxlan = PodNetworkSettings.of(BackendKind.VXLAN, BOTH);
      PodNetworkSettings routes = PodNetworkSettings.of(BackendKind.ROUTES, BOTH);
      PodNetworkSettings bgp = PodNetworkSettings.of(BackendKind.BGP, BOTH);
      for (TestNode node : nodes) {
        node.agent.set(vxlan);
      }
      DualNodes.talk(nodes);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      Path c = machines.sandbox("c");
      first.add("a", a);
      IpAddress v4 = second.add("b", b).address();
      TestNode.Outcome atC = third.add("c", c);
      IpAddress v6 =
          Prefix.parse(atC.json().path("ips").path(1).path("address").stringValue()).address();
      assertThat(v6).hasToString("fd00:10:200:2::2");
      try (Conversation toB = new Conversation(a, b, v4);
          Conversation toC = new Conversation(a, c, v6);
          Conversation acrossV6 = new Conversation(b, c, v6)) {
        for (PodNetworkSettings next : List.of(routes, vxlan, bgp, routes, bgp, vxlan)) {
          for (TestNode node : nodes) {
            node.agent.set(next);
            DualNodes.talk(nodes);
            for (Conversation each : List.of(toB, toC, acrossV6)) {
              each.goesOn();
            }
          }
          untilNobodyHasNews(nodes, next.equals(vxlan));
          for (TestNode node : nodes) {
            assertThat(node.agent.plan()).isEmpty();
            try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
              assertThat(netlink.link(ForwardingState.TUNNEL_NAME).isPresent())
                  .isEqualTo(next.equals(vxlan));
            }
          }
        }
      }
    }
  }

  /// Pods that were made under routes keep their MTU of 1500; what they send into the tunnel that
  /// comes is cut to size by what the node tells them (RFC 1191, RFC 8201).
  @Test
  void podsOfALargerTimeTalkThroughASmallerTunnel() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = DualNodes.node(machines, directory, 0);
        TestNode second = DualNodes.node(machines, directory, 1)) {
      List<TestNode> nodes = List.of(first, second);
      PodNetworkSettings routes = PodNetworkSettings.of(BackendKind.ROUTES, BOTH);
      for (TestNode node : nodes) {
        node.agent.set(routes);
      }
      DualNodes.talk(nodes);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      IpAddress v6 =
          Prefix.parse(atB.json().path("ips").path(1).path("address").stringValue()).address();
      PodNetworkTest.assertPasses(a, b, atB.address(), 1500, true);
      for (TestNode node : nodes) {
        node.agent.set(PodNetworkSettings.of(BackendKind.VXLAN, BOTH));
      }
      DualNodes.talk(nodes);
      PodNetworkTest.exchange(a, b, atB.address());
      PodNetworkTest.exchange(a, b, v6);
      PodNetworkTest.assertPasses(a, b, atB.address(), 1450, true);
      PodNetworkTest.assertPasses(a, b, atB.address(), 1451, false);
    }
  }

  @ParameterizedTest
  @CsvSource({"1400, 1350", "1280, 1280"})
  void anySizePassesOverSmallNetworksAndTheirChanges(int underlay, int podMtu) throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = DualNodes.node(machines, directory, 0);
        TestNode second = DualNodes.node(machines, directory, 1)) {
      List<TestNode> nodes = List.of(first, second);
      for (TestNode node : nodes) {
        node.agent.set(PodNetworkSettings.of(BackendKind.VXLAN, BOTH));
      }
      DualNodes.talk(nodes);
      Path early = machines.sandbox("early");
      Path b = machines.sandbox("b");
      first.add("early", early);
      TestNode.Outcome atB = second.add("b", b);
      IpAddress v6 =
          Prefix.parse(atB.json().path("ips").path(1).path("address").stringValue()).address();
      for (TestNode node : nodes) {
        try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
          netlink.apply(RouteRequest.ChangeLink.of(ETH0).withMtu(underlay));
        }
      }
      DualNodes.talk(nodes);
      Path late = machines.sandbox("late");
      first.add("late", late);
      for (Path pod : List.of(early, late)) {
        PodNetworkTest.exchange(pod, b, atB.address());
        PodNetworkTest.exchange(pod, b, v6);
      }
      PodNetworkTest.assertPasses(late, b, atB.address(), podMtu, true);
      PodNetworkTest.assertPasses(late, b, atB.address(), podMtu + 1, false);
      assertThat(String.join("\n", first.agent.problems()))
          .contains(underlay < 1330 ? "raise the MTU" : "");
    }
  }

  /// What one neighbour cannot have keeps nobody else from anything.
  @Test
  void aPortThatIsTakenIsSaidAndTheNodeGoesOn() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode node = DualNodes.node(machines, directory, 0);
        ServerSocketChannel taken = node.machine.call(ServerSocketChannel::open)) {
      taken.bind(new InetSocketAddress("10.240.0.20", 179));
      assertThatThrownBy(
              () -> {
                node.agent.set(PodNetworkSettings.of(BackendKind.BGP, BOTH));
                node.agent.nodes(DualNodes.objects(List.of(node)));
              })
          .hasMessageContaining("179");
      assertThat(node.agent.ready()).isTrue();
      assertThat(node.announced).containsEntry("podnet.fairway.dev/sends-by", "bgp");
    }
  }

  private static void follow(TestNode node, ConfigMap object) throws Exception {
    node.agent.follow(Optional.of(object));
    DualNodes.talk(List.of(node));
  }

  @Test
  void settingsThatCannotBeAreRefusedAndTheLastOnesGoOn() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = DualNodes.node(machines, directory, 0)) {
      first.agent.set(PodNetworkSettings.of(BackendKind.VXLAN, BOTH));
      DualNodes.talk(List.of(first));
      ConfigMapBuilder object =
          new ConfigMapBuilder()
              .withNewMetadata()
              .withNamespace("kube-system")
              .withName("fairway-podnet")
              .endMetadata();
      follow(first, object.withData(Map.of("podnet.yaml", "backend: ipip")).build());
      assertThat(first.agent.problems())
          .singleElement()
          .asString()
          .contains("ConfigMap kube-system/fairway-podnet, key podnet.yaml: apiVersion must be");
      assertThat(first.agent.status().backend()).isEqualTo("vxlan");
      follow(
          first,
          object
              .withData(
                  Map.of(
                      "podnet.yaml",
                      """
                      apiVersion: podnet.fairway.dev/v1
                      kind: PodNetworkConfiguration
                      podRanges: [10.200.0.0/16, 10.240.0.0/20, "fd00:10:200::/48"]
                      """))
              .build());
      assertThat(first.agent.problems())
          .singleElement()
          .asString()
          .contains("podRanges[1] 10.240.0.0/20 has the address 10.240.0.20 of a machine in it");
      follow(
          first,
          object
              .withData(
                  Map.of(
                      "podnet.yaml",
                      """
                      apiVersion: podnet.fairway.dev/v1
                      kind: PodNetworkConfiguration
                      podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
                      backend: routes
                      """))
              .build());
      assertThat(first.agent.problems()).isEmpty();
      assertThat(first.agent.status().backend()).isEqualTo("routes");
    }
  }
}
