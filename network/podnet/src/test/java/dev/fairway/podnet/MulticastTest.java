// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.PacketSocket;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Programs in pods that join groups and send to them, as programs do, on two real nodes.
final class MulticastTest {
  private static final int PORT = 7600;

  @TempDir Path directory;

  /// A program in a pod.
  private record Program(DatagramChannel channel, NetworkNamespace pod, NetworkInterface eth0)
      implements AutoCloseable {
    static Program in(Path sandbox, String group) throws Exception {
      StandardProtocolFamily family =
          group.indexOf(':') < 0 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
      NetworkNamespace pod = NetworkNamespace.open(sandbox);
      NetworkInterface eth0 = pod.call(() -> NetworkInterface.getByName("eth0"));
      DatagramChannel channel =
          pod.call(() -> {
            DatagramChannel opened = DatagramChannel.open(family);
            opened.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            opened.setOption(StandardSocketOptions.IP_MULTICAST_IF, eth0);
            opened.bind(new InetSocketAddress(PORT));
            return opened;
          });
      channel.configureBlocking(false);
      return new Program(channel, pod, eth0);
    }

    Program join(String group) throws Exception {
      channel.join(InetAddress.getByName(group), eth0);
      return this;
    }

    void send(String group, String text) throws Exception {
      channel.send(
          ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)),
          new InetSocketAddress(InetAddress.getByName(group), PORT));
    }

    /// What came meanwhile, empty if nothing did.
    String received() throws Exception {
      ByteBuffer buffer = ByteBuffer.allocate(9000);
      return channel.receive(buffer) == null
          ? ""
          : new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws Exception {
      channel.close();
      pod.close();
    }
  }

  /// Sends until it is heard: a group is joined when all nodes know.
  private static void assertHeard(Program from, String group, Program to, Runnable settle)
      throws Exception {
    String text = "hello " + System.nanoTime();
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (true) {
      from.send(group, text);
      long next = System.nanoTime() + 100_000_000L;
      while (System.nanoTime() < next) {
        if (to.received().equals(text)) {
          return;
        }
        LockSupport.parkNanos(1_000_000);
      }
      settle.run();
      assertThat(System.nanoTime()).as("%s is not heard", group).isLessThan(deadline);
    }
  }

  private static Node dual(TestNode node, int number) {
    return new NodeBuilder(node.object())
        .editSpec()
        .addToPodCIDRs("fd00:10:200:" + number + "::/64")
        .endSpec()
        .build();
  }

  private static void settle(TestNode first, TestNode second) {
    try {
      List<Node> nodes = List.of(dual(first, 0), dual(second, 1));
      first.agent.nodes(nodes);
      second.agent.nodes(nodes);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static PodNetworkSettings settings(BackendKind backend, boolean multicast) {
    PodNetworkSettings plain =
        PodNetworkSettings.of(
            backend, List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:10:200::/48")));
    return new PodNetworkSettings(
        plain.podRanges(),
        plain.backend(),
        plain.perSubnet(),
        plain.vxlan(),
        plain.mtu(),
        plain.masquerade(),
        plain.fastPath(),
        plain.antiSpoofing(),
        multicast,
        plain.bgp(),
        plain.wireguard(),
        plain.serviceRanges());
  }

  @ParameterizedTest
  @ValueSource(strings = {"239.1.2.3", "ff05::1:3"})
  void podsOfAGroupHearOneAnotherOnOneNodeAndAcross(String group) throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
        TestNode second = new TestNode(machines, directory, BackendKind.VXLAN, 1, step -> {})) {
      settle(first, second);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      Path c = machines.sandbox("c");
      Path d = machines.sandbox("d");
      first.add("a", a);
      first.add("b", b);
      second.add("c", c);
      first.add("d", d);
      try (Program one = Program.in(a, group);
          Program two = Program.in(b, group);
          Program three = Program.in(c, group);
          NetworkNamespace apart = NetworkNamespace.open(d);
          PacketSocket atApart =
              PacketSocket.ofGroups(
                  apart, group.indexOf(':') < 0 ? IpFamily.IPV4 : IpFamily.IPV6)) {
        two.join(group);
        // Joined before it is switched on: the agent asks.
        first.agent.set(settings(BackendKind.VXLAN, true));
        second.agent.set(settings(BackendKind.VXLAN, true));
        Runnable settle = () -> settle(first, second);
        assertHeard(one, group, two, settle);
        three.join(group);
        assertHeard(one, group, three, settle);
        assertHeard(three, group, two, settle);
        assertThat(second.announced.get("podnet.fairway.dev/multicast-groups")).isEqualTo(group);
        while (!three.received().isEmpty()) {
          settle(first, second); // what its own kernel gave back to it
        }
        String large = "x".repeat(3000); // three fragments
        one.send(group, large);
        assertReceives(two, large);
        assertReceives(three, large);
        // Who has not joined gets nothing, not even to be thrown away by its kernel.
        for (PacketSocket.Frame f = atApart.receive(); f != null; f = atApart.receive()) {
          assertThat(f.bytes()).hasSizeLessThan(200); // what kernels say of themselves
        }
        first.agent.set(settings(BackendKind.VXLAN, false));
        while (!two.received().isEmpty()) {
          settle(first, second);
        }
        for (int i = 0; i < 20; i++) {
          one.send(group, "nobody hears it");
        }
        first.agent.set(settings(BackendKind.VXLAN, true));
        assertHeard(one, group, two, settle);
      }
    }
  }

  private static void assertReceives(Program to, String text) throws Exception {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!to.received().equals(text)) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void aPodCannotSendInAnothersName() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode node = new TestNode(machines, directory, BackendKind.ROUTES, 0, step -> {})) {
      node.agent.nodes(List.of(node.object()));
      node.agent.set(settings(BackendKind.ROUTES, true));
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      node.add("a", a);
      node.add("b", b);
      String group = "239.9.9.9";
      try (Program liar = Program.in(a, group);
          Program hears = Program.in(b, group).join(group)) {
        assertHeard(liar, group, hears, () -> {});
        PodLab.run(liar.pod(), "ip", "address", "add", "10.99.0.1/32", "dev", "eth0");
        try (DatagramChannel other =
            liar.pod().call(() -> DatagramChannel.open(StandardProtocolFamily.INET))) {
          other.bind(new InetSocketAddress("10.99.0.1", 0));
          other.setOption(StandardSocketOptions.IP_MULTICAST_IF, liar.eth0());
          for (int i = 0; i < 5; i++) {
            other.send(
                ByteBuffer.wrap("a lie".getBytes(StandardCharsets.UTF_8)),
                new InetSocketAddress(group, PORT));
          }
        }
        liar.send(group, "the truth");
        String text = "";
        while (!text.equals("the truth")) {
          text = hears.received();
          assertThat(text).isNotEqualTo("a lie");
        }
      }
    }
  }
}
