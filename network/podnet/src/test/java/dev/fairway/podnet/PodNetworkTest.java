// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.status.StatusServer;
import io.fabric8.kubernetes.api.model.Node;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import jdk.net.ExtendedSocketOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Any pod reaches any pod, in the real kernel, through the real executable.
final class PodNetworkTest {
  private static final int MTU = 1500;

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource(names = {"VXLAN", "ROUTES"})
  void everyPodReachesEveryPodWithAnySizeOfPacket(BackendKind backend) throws Exception {
    try (TestMachines machines = new TestMachines(MTU);
        TestNode first = new TestNode(machines, directory, backend, 0, step -> {});
        TestNode second = new TestNode(machines, directory, backend, 1, step -> {})) {
      settle(first, second);
      assertThat(first.agent.ready()).isTrue();
      assertThat(first.agent.problems()).isEmpty();
      assertThat(first.agent.plan()).isEmpty();
      assertThat(directory.resolve("worker-0/conf/10-fairway.conflist")).exists();

      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      Path c = machines.sandbox("c");
      TestNode.Outcome atA = first.add("a", a);
      assertThat(atA.exitCode()).as(atA.stdout()).isZero();
      TestNode.Outcome atB = first.add("b", b);
      TestNode.Outcome atC = second.add("c", c);
      assertThat(atA.address()).hasToString("10.200.0.2");
      assertThat(atB.address()).hasToString("10.200.0.3");
      assertThat(atC.address()).hasToString("10.200.1.2");
      assertThat(first.check("a", a, atA)).isEqualTo(new TestNode.Outcome(0, ""));

      exchange(a, b, atB.address());
      exchange(a, c, atC.address());
      exchange(c, a, atA.address());
      int podMtu = backend == BackendKind.VXLAN ? MTU - 50 : MTU;
      assertPasses(a, c, atC.address(), podMtu, true);
      assertPasses(a, c, atC.address(), podMtu + 1, false);

      assertThat(first.del("a", a)).isEqualTo(new TestNode.Outcome(0, ""));
      assertThat(first.del("a", a)).isEqualTo(new TestNode.Outcome(0, ""));
      assertThat(first.check("a", a, atA).errorCode()).isEqualTo(3);
      machines.removeSandbox(a);
      assertThat(first.del("a", a)).isEqualTo(new TestNode.Outcome(0, ""));
      exchange(b, c, atC.address());
    }
  }

  @Test
  void whatWasOpenedIsClosedWhereTheStartFails() throws Exception {
    try (TestMachines machines = new TestMachines(MTU)) {
      TestNode node = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
      node.close();
      // Nobody can listen there: the last but one of all steps fails.
      Path inTheWay = node.socket().resolveSibling(StatusServer.SOCKET);
      Files.createDirectories(inTheWay.resolve("file"));
      assertThatThrownBy(() -> node.start(BackendKind.VXLAN, step -> {}))
          .isInstanceOf(IOException.class);
      long before = descriptors();
      for (int i = 0; i < 5; i++) {
        assertThatThrownBy(() -> node.start(BackendKind.VXLAN, step -> {}))
            .isInstanceOf(IOException.class);
      }
      AttachmentTest.await(() -> descriptors() < before + 10);
      Files.delete(inTheWay.resolve("file"));
      Files.delete(inTheWay);
      node.start(BackendKind.VXLAN, step -> {});
      node.close();
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  @Test
  void outsideTheClusterAPodHasItsNodesAddress() throws Exception {
    try (TestMachines machines = new TestMachines(MTU);
        TestNode first = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
        TestNode second = new TestNode(machines, directory, BackendKind.VXLAN, 1, step -> {})) {
      settle(first, second);
      NetworkNamespace outside = machines.machine("outside", "10.240.0.99");
      Path pod = machines.sandbox("pod");
      String address = first.add("pod", pod).address().toString();
      assertThat(sourceSeen(pod, outside, "10.240.0.99")).isEqualTo("10.240.0.20");
      assertThat(sourceSeen(pod, second.machine, "10.240.0.21")).isEqualTo(address);
      assertThat(sourceSeen(pod, first.machine, "10.240.0.20")).isEqualTo(address);
      settle(first, second);
      assertThat(first.agent.plan()).isEmpty();
    }
  }

  /// Its annotation would have all nodes send their pods' packets to that address as they are.
  @Test
  void aNodeCannotTakeTheWayBackFromAnAddressOfTheWorld() throws Exception {
    try (TestMachines machines = new TestMachines(MTU);
        TestNode first = new TestNode(machines, directory, BackendKind.VXLAN, 0, step -> {});
        TestNode liar = new TestNode(machines, directory, BackendKind.VXLAN, 1, step -> {})) {
      NetworkNamespace outside = machines.machine("outside", "10.240.0.99");
      settle(first, liar);
      liar.announced.put("flannel.alpha.coreos.com/public-ip", "10.240.0.99");
      first.agent.nodes(List.of(first.object(), liar.object()));
      Path pod = machines.sandbox("pod");
      first.add("pod", pod);
      assertThat(sourceSeen(pod, outside, "10.240.0.99")).isEqualTo("10.240.0.20");
    }
  }

  static String sourceSeen(Path from, NetworkNamespace to, String toAddress) throws Exception {
    try (NetworkNamespace client = NetworkNamespace.open(from);
        ServerSocketChannel listener = to.call(ServerSocketChannel::open);
        SocketChannel channel = client.call(SocketChannel::open)) {
      listener.bind(new InetSocketAddress(IpAddress.parse(toAddress).toInetAddress(), 0));
      channel.socket().connect(listener.getLocalAddress(), 30_000);
      try (SocketChannel accepted = listener.accept()) {
        InetSocketAddress seen = (InetSocketAddress) accepted.getRemoteAddress();
        return seen.getAddress().getHostAddress();
      }
    }
  }

  /// Each hears of the others' announcements, as it would from the API server.
  static void settle(TestNode... nodes) throws Exception {
    for (int round = 0; round < 2; round++) {
      List<Node> objects = new ArrayList<>();
      for (TestNode node : nodes) {
        objects.add(node.object());
      }
      for (TestNode node : nodes) {
        node.agent.nodes(objects);
      }
    }
  }

  /// Sends a megabyte there and back over TCP.
  static void exchange(Path from, Path to, IpAddress toAddress) throws Exception {
    byte[] sent = new byte[1 << 20];
    new Random(1).nextBytes(sent);
    try (NetworkNamespace server = NetworkNamespace.open(to);
        NetworkNamespace client = NetworkNamespace.open(from);
        ServerSocketChannel listener = server.call(ServerSocketChannel::open);
        SocketChannel channel = client.call(SocketChannel::open)) {
      listener.bind(new InetSocketAddress(toAddress.toInetAddress(), 0));
      Thread echo =
          Thread.ofPlatform()
              .start(() -> {
                try (SocketChannel accepted = listener.accept()) {
                  byte[] got = new byte[sent.length];
                  new DataInputStream(Channels.newInputStream(accepted)).readFully(got);
                  Channels.newOutputStream(accepted).write(got);
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              });
      channel.socket().connect(listener.getLocalAddress(), 30_000);
      channel.socket().setSoTimeout(30_000);
      new DataOutputStream(channel.socket().getOutputStream()).write(sent);
      byte[] got = new byte[sent.length];
      new DataInputStream(channel.socket().getInputStream()).readFully(got);
      assertThat(got).isEqualTo(sent);
      echo.join();
    }
  }

  /// Whether a packet of that size passes without being cut up.
  static void assertPasses(Path from, Path to, IpAddress toAddress, int bytes, boolean passes)
      throws Exception {
    try (NetworkNamespace receiving = NetworkNamespace.open(to);
        NetworkNamespace sending = NetworkNamespace.open(from);
        DatagramSocket receiver = receiving.call(() -> new DatagramSocket(9999));
        DatagramSocket sender = sending.call(() -> new DatagramSocket())) {
      sender.setOption(ExtendedSocketOptions.IP_DONTFRAGMENT, true);
      receiver.setSoTimeout(30_000);
      int headers = 20 + 8;
      DatagramPacket packet =
          new DatagramPacket(
              new byte[bytes - headers], bytes - headers, toAddress.toInetAddress(), 9999);
      if (passes) {
        sender.send(packet);
        receiver.receive(packet);
        assertThat(packet.getLength()).isEqualTo(bytes - headers);
      } else {
        assertThatThrownBy(() -> sender.send(packet)).hasMessageContaining("too long");
      }
    }
  }
}
