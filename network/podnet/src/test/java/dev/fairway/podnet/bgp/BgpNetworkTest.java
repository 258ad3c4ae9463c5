// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Nodes on a real network, with BIRD as the router at the top of their rack.
class BgpNetworkTest {
  private static final Set<IpAddress> ROUTERS =
      Set.of(IpAddress.parse("10.240.0.2"), IpAddress.parse("10.240.0.3"));

  private static final String MESH = "{as: 64512, gracefulRestartSeconds: 60}";
  @TempDir Path dir;
  private final BgpFabric fabric = new BgpFabric();
  private final List<BgpNetwork> agents = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    agents.forEach(BgpNetwork::close);
    fabric.close();
  }

  private BgpNetwork agent(NetworkNamespace machine, int number, PodNetworkSettings settings)
      throws Exception {
    BgpNetwork agent = BgpNetwork.start(machine);
    agents.add(agent);
    agent.set(
        BgpFabric.node(number),
        BgpFabric.nodesBut(number, 0, 1, 2),
        settings,
        Map.of("tor", "correct horse"),
        "eth0");
    return agent;
  }

  private Process bird(String machine, int number, String peers) throws Exception {
    Path config = dir.resolve(machine + ".conf");
    Files.writeString(
        config,
        """
        router id 10.240.0.%d;
        protocol device {}
        protocol kernel { ipv4 { import none; export filter { if source = RTS_BGP then accept; reject; }; }; merge paths yes limit 16; }
        protocol static {
          ipv4;
          route 203.0.113.0/24 blackhole;
          route 0.0.0.0/0 blackhole;
          route 10.200.1.0/25 blackhole;
          route 10.240.0.21/32 blackhole;
          route 169.254.0.0/20 blackhole;
        }
        protocol bfd { interface "eth0" { interval 300 ms; multiplier 10; }; }
        template bgp nodes {
          local 10.240.0.%d as 65000;
          bfd on;
          ipv4 { import all; export all; next hop self; };
        }
        """
                .formatted(number, number)
            + peers);
    return fabric.start(
        machine,
        dir.resolve(machine + ".log"),
        "bird",
        "-f",
        "-c",
        config.toString(),
        "-s",
        dir.resolve(machine + ".ctl").toString());
  }

  @Test
  void nodesMeetOneAnotherAndTheRouterOfTheRack() throws Exception {
    PodNetworkSettings settings =
        BgpFabric.settings(
            """
            as: 64512
            advertise: [10.32.0.0/16]
            bfd: {intervalMillis: 300, multiplier: 10}
            peers:
            - {name: tor-a, address: 10.240.0.2, as: 65000, bfd: true, passwordSecret: tor, communities: ["64512:7"]}
            - {name: tor-b, address: 10.240.0.3, as: 65000, bfd: true, passwordSecret: tor}
            """);
    String peers = "";
    for (int i = 0; i < 3; i++) {
      peers +=
          "protocol bgp n%d from nodes { neighbor 10.240.0.%d as 64512; password \"correct horse\"; }\n"
              .formatted(i, 20 + i);
    }
    for (int i = 0; i < 3; i++) {
      agent(fabric.nodeMachine(i), i, settings);
    }
    fabric.machine("tor-a", 2);
    fabric.machine("tor-b", 3);
    bird("tor-a", 2, peers);
    bird("tor-b", 3, peers);

    for (int from = 0; from < 3; from++) {
      for (int to = 0; to < 3; to++) {
        for (IpFamily family : IpFamily.values()) {
          int source = from;
          int target = to;
          BgpFabric.waitFor(
              "pod " + from + " reaches pod " + to, () -> fabric.pings(source, target, family));
        }
      }
    }
    BgpFabric.waitFor(
        "the router shares what all nodes tell",
        () -> count(fabric.run("tor-a", "ip", "route", "show", "10.32.0.0/16"), "via") == 3);
    assertThat(
            fabric.run(
                "tor-a",
                "birdc",
                "-s",
                dir.resolve("tor-a.ctl").toString(),
                "show route all 10.200.1.0/24"))
        .contains("(64512,7)")
        .contains("via 10.240.0.21")
        .doesNotContain("via 10.240.0.20");
    BgpFabric.waitFor("both ways out are used", () -> ways(0) == 2);

    // Lies are not believed, and what nobody asked for is not taken.
    Set<Prefix> taken = new HashSet<>();
    for (String prefix :
        List.of(
            "203.0.113.0/24",
            "10.200.1.0/24",
            "10.200.2.0/24",
            "fd00:200:0:1::/64",
            "fd00:200:0:2::/64")) {
      taken.add(Prefix.parse(prefix));
    }
    BgpFabric.waitFor(
        "what is taken", () -> Set.copyOf(agents.getFirst().prefixes()).equals(taken));
    BgpFabric.waitFor("all is well", () -> agents.getFirst().problems().isEmpty());

    BgpFabric.waitFor(
        "both routers are watched",
        () ->
            agents.getFirst().watchedPeers().stream()
                    .filter(peer -> ROUTERS.contains(peer.peer()))
                    .filter(peer -> peer.detection().toMillis() == 3000)
                    .count()
                == 2);
    fabric.cut("tor-a");
    BgpFabric.waitFor("the dead router is avoided", () -> ways(0) == 1);
    assertThat(fabric.run("worker-0", "ip", "route", "show", "203.0.113.0/24"))
        .contains("via 10.240.0.3");
  }

  private int ways(int node) throws Exception {
    return count(fabric.run("worker-" + node, "ip", "route", "show", "203.0.113.0/24"), "via");
  }

  private static int count(String text, String word) {
    return text.split(word, -1).length - 1;
  }

  @Test
  void aMissingPasswordLeavesOnePeerOut() throws Exception {
    BgpNetwork agent =
        agent(
            fabric.nodeMachine(0),
            0,
            BgpFabric.settings(
                """
                peers:
                - {name: tor, address: 10.240.0.2, as: 65000, passwordSecret: other}
                """));
    assertThat(agent.problems())
        .containsExactly(
            "BGP peer tor: Secret kube-system/other has no key \"password\" that this node can read");
    assertThat(agent.peers()).hasSize(2);
  }

  @Test
  void aReflectorSavesTheMesh() throws Exception {
    PodNetworkSettings settings =
        BgpFabric.settings(
            "{as: 64512, routeReflectors: [worker-1], bfd: {intervalMillis: 300, multiplier: 10}}");
    for (int i = 0; i < 3; i++) {
      agent(fabric.nodeMachine(i), i, settings);
    }
    for (IpFamily family : IpFamily.values()) {
      BgpFabric.waitFor("pod 0 reaches pod 2", () -> fabric.pings(0, 2, family));
      BgpFabric.waitFor("pod 2 reaches pod 1", () -> fabric.pings(2, 1, family));
    }
    assertThat(agents.getFirst().peers()).hasSize(1);
    assertThat(fabric.run("worker-0", "ip", "route", "show", "10.200.2.0/24"))
        .contains("via 10.240.0.22");
    agents.removeLast().leave();
    assertThat(fabric.run("worker-2", "ip", "route", "show", "proto", "86")).isEmpty();
    BgpFabric.waitFor(
        "the node that left is forgotten",
        () -> !agents.getFirst().prefixes().contains(Prefix.parse("10.200.2.0/24")));
  }

  @Test
  void aConnectionOutlivesTheAgent() throws Exception {
    fabric.nodeMachine(0);
    Process agent = agentProcess(0, 1, 2);
    BgpNetwork one = agent(fabric.nodeMachine(1), 1, BgpFabric.settings(MESH));
    agent(fabric.nodeMachine(2), 2, BgpFabric.settings(MESH));
    BgpFabric.waitFor("pod 0 reaches pod 1", () -> fabric.pings(0, 1, IpFamily.IPV4));
    BgpFabric.waitFor("pod 0 reaches pod 2", () -> fabric.pings(0, 2, IpFamily.IPV4));
    InetSocketAddress at =
        new InetSocketAddress(BgpFabric.podAddress(1, IpFamily.IPV4).toInetAddress(), 7000);
    try (ServerSocketChannel server =
            fabric.namespace("pod-1").call(() -> ServerSocketChannel.open().bind(at));
        SocketChannel client = fabric.namespace("pod-0").call(SocketChannel::open)) {
      client.connect(at);
      try (SocketChannel served = server.accept()) {
        echo(client, served);
        BgpFabric.kill(agent);
        BgpFabric.waitFor(
            "the neighbour saw it", () -> one.peers().stream().anyMatch(p -> !p.established()));
        echo(client, served);
        String before = fabric.run("worker-0", "ip", "route", "show", "proto", "86");
        assertThat(before).contains("10.200.1.0/24", "10.200.2.0/24");
        assertThat(fabric.run("worker-1", "ip", "route", "show", "proto", "86"))
            .contains("10.200.0.0/24");

        // Meanwhile worker-2 goes for good, which only a new agent can learn.
        agents.removeLast().leave();
        agentProcess(0, 1);
        BgpFabric.waitFor(
            "what nobody tells any more is swept",
            () ->
                !fabric
                    .run("worker-0", "ip", "route", "show", "proto", "86")
                    .contains("10.200.2.0/24"));
        assertThat(fabric.run("worker-0", "ip", "route", "show", "proto", "86"))
            .contains("10.200.1.0/24");
        echo(client, served);
        BgpFabric.waitFor(
            "the session is back", () -> one.peers().stream().anyMatch(p -> p.established()));
        echo(client, served);
      }
    }
  }

  private static void echo(SocketChannel client, SocketChannel served) throws Exception {
    client.write(ByteBuffer.wrap(new byte[] {42}));
    ByteBuffer got = ByteBuffer.allocate(1);
    assertThat(served.read(got)).isEqualTo(1);
    assertThat(got.get(0)).isEqualTo((byte) 42);
  }

  private Process agentProcess(int number, int... others) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx128m",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                "dev.fairway.podnet.bgp.BgpAgentProcess",
                "" + number));
    for (int other : others) {
      command.add("" + other);
    }
    return fabric.start(
        "worker-" + number, dir.resolve("agent-" + number), command.toArray(String[]::new));
  }
}
