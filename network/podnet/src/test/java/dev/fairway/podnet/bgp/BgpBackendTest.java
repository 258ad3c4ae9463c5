// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.DeleteRoute;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The backend as an agent uses it: a mesh of three nodes with both families, chosen and left while
/// packets flow.
class BgpBackendTest {
  private static final PodNetworkSettings MESH = BgpFabric.settings("{as: 64512}");
  private static final PodNetworkSettings ROUTES =
      PodNetworkSettings.of(BackendKind.ROUTES, MESH.podRanges());

  private final BgpFabric fabric = new BgpFabric();
  private final List<BgpBackend> agents = new ArrayList<>();
  private final AtomicInteger changes = new AtomicInteger();

  @AfterEach
  void close() throws Exception {
    agents.forEach(BgpBackend::close);
    fabric.close();
  }

  private BgpBackend agent(int number) {
    BgpBackend agent =
        new BgpBackend(
            fabric.nodeMachine(number), "eth0", name -> Optional.empty(), changes::incrementAndGet);
    agents.add(agent);
    return agent;
  }

  private void set(int number, PodNetworkSettings settings) throws Exception {
    agents.get(number).set(settings, BgpFabric.node(number), BgpFabric.nodesBut(number, 0, 1, 2));
  }

  @Test
  void aMeshOfThreeWithBothFamilies() throws Exception {
    for (int i = 0; i < 3; i++) {
      agent(i);
      set(i, MESH);
    }
    for (int i = 0; i < 3; i++) {
      for (ClusterNode other : BgpFabric.nodesBut(i, 0, 1, 2)) {
        BgpBackend agent = agents.get(i);
        BgpFabric.waitFor("ways to " + other.name(), () -> agent.reaches(other));
      }
    }
    for (IpFamily family : IpFamily.values()) {
      BgpFabric.waitFor("pod 0 reaches pod 1", () -> fabric.pings(0, 1, family));
      BgpFabric.waitFor("pod 1 reaches pod 2", () -> fabric.pings(1, 2, family));
      BgpFabric.waitFor("pod 2 reaches pod 0", () -> fabric.pings(2, 0, family));
    }
    BgpBackend first = agents.getFirst();
    assertThat(first.problems()).isEmpty();
    assertThat(first.peers()).hasSize(2).allMatch(peer -> peer.established());
    for (String family : List.of("-4", "-6")) {
      assertThat(fabric.run("worker-0", "ip", family, "route", "show", "proto", "86").lines())
          .filteredOn(line -> line.contains("nhid"))
          .hasSize(2);
    }
    assertThat(changes.get()).isGreaterThanOrEqualTo(6);
  }

  /// A single address of another node out of our own range goes there.
  @Test
  void aSingleAddressMayLiveElsewhere() throws Exception {
    Prefix single = Prefix.parse("10.200.1.9/32");
    ClusterNode zero = BgpFabric.node(0);
    List<Prefix> more = new ArrayList<>(zero.ranges());
    more.add(single);
    ClusterNode owner = new ClusterNode(zero.name(), zero.address(), more, Optional.empty());
    agent(0).set(MESH, owner, List.of(BgpFabric.node(1)));
    BgpBackend lender = agent(1);
    lender.set(MESH, BgpFabric.node(1), List.of(owner));
    BgpFabric.waitFor("the lender knows", () -> lender.reaches(owner));
    assertThat(fabric.run("worker-1", "ip", "route", "show", single.toString()))
        .contains("via 10.240.0.20");
    // It is taken back.
    lender.set(MESH, BgpFabric.node(1), List.of(zero));
    BgpFabric.waitFor(
        "the lender has it again",
        () -> fabric.run("worker-1", "ip", "route", "show", single.toString()).isEmpty());
  }

  @Test
  void chosenAndLeftWithoutCuttingAConnection() throws Exception {
    for (int i = 0; i < 3; i++) {
      agent(i);
      plain(i, true);
      set(i, ROUTES);
    }
    assertThat(agents.getFirst().peers()).isEmpty();
    BgpFabric.waitFor("pods meet", () -> fabric.pings(0, 1, IpFamily.IPV6));
    InetSocketAddress at =
        new InetSocketAddress(BgpFabric.podAddress(1, IpFamily.IPV6).toInetAddress(), 7000);
    try (ServerSocketChannel server =
            fabric.namespace("pod-1").call(() -> ServerSocketChannel.open().bind(at));
        SocketChannel client = fabric.namespace("pod-0").call(SocketChannel::open)) {
      client.connect(at);
      try (SocketChannel served = server.accept()) {
        echo(client, served);
        // Node after node turns to BGP and keeps its own routes until it is told others.
        for (int i = 0; i < 3; i++) {
          set(i, MESH);
          echo(client, served);
        }
        for (int i = 0; i < 3; i++) {
          BgpBackend agent = agents.get(i);
          List<ClusterNode> others = BgpFabric.nodesBut(i, 0, 1, 2);
          BgpFabric.waitFor("ways to all", () -> others.stream().allMatch(agent::reaches));
          plain(i, false);
          echo(client, served);
        }
        assertThat(fabric.run("worker-0", "ip", "-6", "route", "show", "fd00:200:0:1::/64"))
            .contains("proto 86");
        // And back.
        for (int i = 0; i < 3; i++) {
          plain(i, true);
          set(i, ROUTES);
          echo(client, served);
        }
        assertThat(fabric.run("worker-0", "ip", "route", "show", "proto", "86")).isEmpty();
        assertThat(fabric.run("worker-0", "ip", "nexthop")).isEmpty();
        assertThat(agents.getFirst().problems()).isEmpty();
      }
    }
  }

  /// As the backend `routes` does.
  private void plain(int number, boolean there) throws Exception {
    NetworkNamespace machine = fabric.namespace("worker-" + number);
    try (RouteNetlink netlink = RouteNetlink.open(machine)) {
      int link = netlink.link("eth0").orElseThrow().index();
      for (ClusterNode other : BgpFabric.nodesBut(number, 0, 1, 2)) {
        for (Prefix range : other.ranges()) {
          IpAddress gateway =
              range.family() == IpFamily.IPV4
                  ? other.address()
                  : IpAddress.parse(
                      "fd00:240::" + (other.address().low() & 0xff)); // as the fabric has them
          Route route = Route.to(range).via(gateway).on(link);
          netlink.apply(there ? new PutRoute(route) : new DeleteRoute(route));
        }
      }
    }
  }

  private static void echo(SocketChannel client, SocketChannel served) throws Exception {
    client.write(ByteBuffer.wrap(new byte[] {42}));
    ByteBuffer got = ByteBuffer.allocate(1);
    assertThat(served.read(got)).isEqualTo(1);
  }
}
