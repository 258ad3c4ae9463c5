// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpFamily;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.status.Journey;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.NodeStatus.Finding;
import dev.fairway.podnet.status.StatusServer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What agents tell of a real network, whole and with parts taken away.
final class StatusTest {
  @TempDir Path directory;

  @Test
  void whatIsThereIsSeenAndWhatIsBrokenIsNamed() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
        TestNode second = new TestNode(machines, directory, BackendKind.VXLAN, 1, step -> {})) {
      PodNetworkTest.settle(first, second);
      assertThat(first.add("a", machines.sandbox("a")).exitCode()).isZero();
      assertThat(second.add("b", machines.sandbox("b")).exitCode()).isZero();

      NodeStatus whole = ask(first);
      assertThat(whole.findings()).isEmpty();
      assertThat(whole.plan()).isEmpty();
      assertThat(whole.ready()).isTrue();
      assertThat(whole.podMtu()).isEqualTo(1450);
      assertThat(whole.ranges()).extracting(NodeStatus.Range::used).containsExactly(1L);
      assertThat(whole.routes())
          .extracting(NodeStatus.Route::node, NodeStatus.Route::state)
          .contains(org.assertj.core.groups.Tuple.tuple("worker-1", "ok"));
      assertThat(whole.tunnels().getFirst().ends().getFirst().machine()).isEqualTo("10.240.0.21");
      Journey there = journey(first, second);
      assertThat(there.arrives()).as(there.toString()).isTrue();
      assertThat(there.from()).isEqualTo("default/p-a 10.200.0.2 on worker-0");
      assertThat(there.hops()).extracting(Journey.Hop::node).contains("worker-0", "worker-1");

      try (RouteNetlink netlink = RouteNetlink.open(first.machine)) {
        netlink.apply(RouteRequest.ChangeLink.of(ForwardingState.TUNNEL_NAME).setDown());
      }
      NodeStatus down = ask(first);
      assertThat(down.findings()).extracting(Finding::about).contains("link fairway.1");
      assertThat(down.plan())
          .contains("ip link set fairway.1 up mtu 1450")
          .anyMatch(step -> step.startsWith("ip route replace 10.200.1.0/24 via 10.200.1.0"));
      assertThat(journey(first, second).arrives()).isFalse();
      assertThat(journey(second, first).hops().getLast().why()).isEqualTo("it is down");

      PodNetworkTest.settle(first, second);
      Sysctls.write(second.machine, Map.of("net.ipv4.ip_forward", "0"));
      assertThat(journey(first, second).hops().getLast())
          .isEqualTo(
              new Journey.Hop(
                  "worker-1",
                  "forwarding",
                  "this machine forwards no packets",
                  "sysctl -w it to 1"));
      assertThatThrownBy(
              () -> Journey.between(List.of(ask(first)), "default/p-a", "nobody", IpFamily.IPV4))
          .hasMessageContaining("no agent knows a node or pod nobody");
    }
  }

  @Test
  void anAgentThatDoesNotRunIsToldBySocket() {
    Path socket = directory.resolve(StatusServer.SOCKET);
    assertThatThrownBy(() -> StatusServer.ask(socket))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(socket.toString());
  }

  private static NodeStatus ask(TestNode node) throws IOException {
    return StatusServer.ask(node.socket().resolveSibling(StatusServer.SOCKET));
  }

  private static Journey journey(TestNode from, TestNode to) throws IOException {
    return Journey.between(
        List.of(ask(from), ask(to)),
        ask(from).pods().getFirst().pod(),
        ask(to).pods().getFirst().pod(),
        IpFamily.IPV4);
  }
}
