// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
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

  /// Numbers in order over one connection, back and forth, until told to end. A lost, doubled or
  /// changed byte is an error, and so is a connection that is cut.
  private static final class Conversation implements AutoCloseable {
    private final AtomicBoolean ending = new AtomicBoolean();
    private final AtomicLong round = new AtomicLong();
    private final List<Throwable> failures = new ArrayList<>();
    private final Thread server;
    private final Thread client;

    Conversation(Path from, Path to, IpAddress toAddress) throws Exception {
      ServerSocketChannel listener;
      SocketChannel channel;
      try (NetworkNamespace serving = NetworkNamespace.open(to);
          NetworkNamespace asking = NetworkNamespace.open(from)) {
        listener = serving.call(ServerSocketChannel::open);
        channel = asking.call(SocketChannel::open);
      }
      listener.bind(new InetSocketAddress(toAddress.toInetAddress(), 0));
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      server = Thread.ofPlatform().start(() -> run(() -> answer(listener)));
      channel.socket().connect(listener.getLocalAddress(), 10_000);
      client = Thread.ofPlatform().start(() -> run(() -> ask(channel)));
    }

    private interface Part {
      void run() throws Exception;
    }

    private void run(Part part) {
      try {
        part.run();
      } catch (Throwable e) {
        synchronized (failures) {
          failures.add(e);
        }
      }
    }

    private void answer(ServerSocketChannel listener) throws Exception {
      try (listener;
          SocketChannel channel = listener.accept()) {
        DataInputStream in = new DataInputStream(channel.socket().getInputStream());
        DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
        byte[] block = new byte[8192];
        while (true) {
          long number = in.readLong();
          in.readFully(block);
          out.writeLong(number);
          if (number < 0) {
            return;
          }
          out.write(block);
        }
      }
    }

    private void ask(SocketChannel channel) throws Exception {
      try (channel) {
        channel.socket().setSoTimeout(30_000);
        DataInputStream in = new DataInputStream(channel.socket().getInputStream());
        DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
        byte[] sent = new byte[8192];
        byte[] got = new byte[sent.length];
        while (!ending.get()) {
          long number = round.get();
          java.util.Arrays.fill(sent, (byte) number);
          out.writeLong(number);
          out.write(sent);
          assertThat(in.readLong()).isEqualTo(number);
          in.readFully(got);
          assertThat(got).isEqualTo(sent);
          round.incrementAndGet();
        }
        out.writeLong(-1);
        out.write(sent);
        assertThat(in.readLong()).isEqualTo(-1);
      }
    }

    /// Waits until it went on for some rounds.
    void goesOn() throws InterruptedException {
      long until = round.get() + 20;
      long deadline = System.nanoTime() + 30_000_000_000L;
      while (round.get() < until && client.isAlive() && System.nanoTime() < deadline) {
        client.join(10);
      }
      synchronized (failures) {
        assertThat(failures).isEmpty();
      }
      assertThat(round.get()).isGreaterThanOrEqualTo(until);
    }

    @Override
    public void close() throws Exception {
      ending.set(true);
      client.join(30_000);
      server.join(30_000);
      synchronized (failures) {
        assertThat(failures).isEmpty();
      }
      assertThat(client.isAlive()).isFalse();
    }
  }

  private TestNode node(TestMachines machines, int number) throws Exception {
    TestNode node = new TestNode(machines, directory, BackendKind.VXLAN, number, step -> {});
    try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
      netlink.apply(new RouteRequest.PutAddress(LinkAddress.of(ETH0, underlay(number), 64)));
    }
    // As some distributions have it: links that are made later begin with the strict check.
    Sysctls.write(node.machine, Map.of("net.ipv4.conf.default.rp_filter", "1"));
    return node;
  }

  private static IpAddress underlay(int number) {
    return Prefix.parse("fd00:10:240::/64").at(20 + number);
  }

  private static List<Node> objects(List<TestNode> nodes) {
    List<Node> objects = new ArrayList<>();
    for (int number = 0; number < nodes.size(); number++) {
      objects.add(
          new NodeBuilder(nodes.get(number).object())
              .editSpec()
              .addToPodCIDRs(Prefix.parse("fd00:10:200::/48").subnet(64, number).toString())
              .endSpec()
              .editStatus()
              .addNewAddress()
              .withType("InternalIP")
              .withAddress(underlay(number).toString())
              .endAddress()
              .endStatus()
              .build());
    }
    return objects;
  }

  /// All hear of all, until nobody has news.
  private static void talk(List<TestNode> nodes) throws Exception {
    for (int round = 0; round < 3; round++) {
      List<Node> objects = objects(nodes);
      for (TestNode node : nodes) {
        node.agent.nodes(objects);
      }
    }
  }

  /// Neighbours in BGP take some seconds to find one another.
  private static void untilNobodyHasNews(List<TestNode> nodes, boolean tunnel) throws Exception {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (true) {
      talk(nodes);
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
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1);
        TestNode third = node(machines, 2)) {
      List<TestNode> nodes = List.of(first, second, third);
      PodNetworkSettings vxlan = PodNetworkSettings.of(BackendKind.VXLAN, BOTH);
      PodNetworkSettings routes = PodNetworkSettings.of(BackendKind.ROUTES, BOTH);
      PodNetworkSettings bgp = PodNetworkSettings.of(BackendKind.BGP, BOTH);
      for (TestNode node : nodes) {
        node.agent.set(vxlan);
      }
      talk(nodes);
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
            talk(nodes);
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
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      List<TestNode> nodes = List.of(first, second);
      PodNetworkSettings routes = PodNetworkSettings.of(BackendKind.ROUTES, BOTH);
      for (TestNode node : nodes) {
        node.agent.set(routes);
      }
      talk(nodes);
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
      talk(nodes);
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
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      List<TestNode> nodes = List.of(first, second);
      for (TestNode node : nodes) {
        node.agent.set(PodNetworkSettings.of(BackendKind.VXLAN, BOTH));
      }
      talk(nodes);
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
      talk(nodes);
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
        TestNode node = node(machines, 0);
        ServerSocketChannel taken = node.machine.call(ServerSocketChannel::open)) {
      taken.bind(new InetSocketAddress("10.240.0.20", 179));
      assertThatThrownBy(
              () -> {
                node.agent.set(PodNetworkSettings.of(BackendKind.BGP, BOTH));
                node.agent.nodes(objects(List.of(node)));
              })
          .hasMessageContaining("179");
      assertThat(node.agent.ready()).isTrue();
      assertThat(node.announced).containsEntry("podnet.fairway.dev/sends-by", "bgp");
    }
  }

  private static void follow(TestNode node, ConfigMap object) throws Exception {
    node.agent.follow(Optional.of(object));
    talk(List.of(node));
  }

  @Test
  void settingsThatCannotBeAreRefusedAndTheLastOnesGoOn() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0)) {
      first.agent.set(PodNetworkSettings.of(BackendKind.VXLAN, BOTH));
      talk(List.of(first));
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
                      podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
                      backend: routes
                      """))
              .build());
      assertThat(first.agent.problems()).isEmpty();
      assertThat(first.agent.status().backend()).isEqualTo("routes");
    }
  }
}
