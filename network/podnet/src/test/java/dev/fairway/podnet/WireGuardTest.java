// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.wireguard.KernelWireGuard;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.wireguard.WireGuardMachine;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Pods of several nodes by WireGuard: with `wireguard-go`, as every kernel runs that.
final class WireGuardTest {
  private static final PodNetworkSettings WIREGUARD = settings("backend: wireguard");

  @TempDir Path directory;

  private static PodNetworkSettings settings(String more) {
    return PodNetworkSettings.parse(
        """
        apiVersion: podnet.fairway.dev/v1
        kind: PodNetworkConfiguration
        podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
        wireguard: {driver: userspace}
        """
            + more);
  }

  private TestNode node(TestMachines machines, int number) throws Exception {
    TestNode node = DualNodes.node(machines, directory, number);
    node.agent.set(WIREGUARD);
    return node;
  }

  /// Until all peers have agreed on keys and nothing is left to do.
  private static void settle(TestNode... nodes) throws Exception {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (true) {
      DualNodes.talk(List.of(nodes));
      List<String> problems = new ArrayList<>();
      for (TestNode node : nodes) {
        problems.addAll(node.agent.problems());
        node.agent.plan().forEach(step -> problems.add(step.toString()));
      }
      if (problems.isEmpty()) {
        return;
      }
      assertThat(System.nanoTime()).as("%s", problems).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private static IpAddress v6(TestNode.Outcome pod) {
    return Prefix.parse(pod.json().path("ips").path(1).path("address").stringValue()).address();
  }

  @Test
  void podsTalkAndNobodyBetweenThemCanRead() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      TestNode.Outcome atA = first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      Path capture = directory.resolve("capture");
      Process tcpdump = capture(second.machine, capture);
      try {
        PodNetworkTest.exchange(a, b, atB.address());
        PodNetworkTest.exchange(b, a, v6(atA));
        PodNetworkTest.assertPasses(a, b, atB.address(), 1440, true);
        PodNetworkTest.assertPasses(a, b, atB.address(), 1441, false);
      } finally {
        tcpdump.destroy();
        tcpdump.waitFor(30, TimeUnit.SECONDS);
      }
      assertThat(packets(capture, "udp port 51820")).isGreaterThan(100);
      assertThat(packets(capture, "tcp or net 10.200.0.0/16 or net fd00:10:200::/40")).isZero();
    }
  }

  /// There past the tunnel, and back through it.
  @Test
  void podsReachTheOtherMachine() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      Path a = machines.sandbox("a");
      String address = first.add("a", a).address().toString();
      assertThat(PodNetworkTest.sourceSeen(a, second.machine, "10.240.0.21")).isEqualTo(address);
      assertThat(PodNetworkTest.sourceSeen(a, second.machine, "fd00:10:240::15")).isNotEmpty();
    }
  }

  private static Process capture(NetworkNamespace machine, Path file) throws Exception {
    Path said = file.resolveSibling("said");
    Process tcpdump =
        machine.start(
            new ProcessBuilder("tcpdump", "-U", "-i", "eth0", "-w", file.toString())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile()));
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!Files.readString(said).contains("listening on")) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.onSpinWait();
    }
    return tcpdump;
  }

  private static long packets(Path capture, String filter) throws Exception {
    Process reading =
        new ProcessBuilder("tcpdump", "-nn", "-r", capture.toString(), filter)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    return new String(reading.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
        .lines()
        .count();
  }

  private static List<ProcessHandle> processes() {
    return ProcessHandle.current()
        .descendants()
        .filter(each -> each.info().command().orElse("").endsWith("wireguard-go"))
        .toList();
  }

  private static void until(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void aKilledProcessComesBackByItselfUnderAnOpenConnection() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      try (Conversation talk = new Conversation(a, b, v6(atB))) {
        talk.goesOn();
        List<ProcessHandle> before = processes();
        assertThat(before).hasSize(2);
        before.forEach(ProcessHandle::destroyForcibly);
        talk.goesOn();
        until("new processes", () -> processes().size() == 2);
        assertThat(processes()).doesNotContainAnyElementsOf(before);
      }
      settle(first, second);
    }
  }

  @Test
  void anAgentThatStartsAnewFindsItsProcessAndKeepsIt() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      List<ProcessHandle> before = processes();
      first.agent.close();
      first.start(BackendKind.ROUTES, step -> {});
      first.agent.set(WIREGUARD);
      settle(first, second);
      assertThat(processes()).containsExactlyInAnyOrderElementsOf(before);
      before.forEach(ProcessHandle::destroyForcibly);
      until("new processes", () -> processes().size() == 2);
      settle(first, second);
    }
  }

  /// As the threads of an agent that is stopped are.
  @Test
  void whoIsInterruptedLeavesTheProcessAlone() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      List<ProcessHandle> before = processes();
      try (WireGuardMachine again =
          new WireGuardMachine(
              first.machine,
              first.directory.resolve("state/wireguard.key"),
              first.directory.resolve("wireguard"),
              () -> {})) {
        Thread.currentThread().interrupt();
        assertThat(again.prepare(WIREGUARD.wireguard(), 1420)).isFalse();
        again.identify(51820);
        assertThat(again.read()).hasValueSatisfying(it -> assertThat(it.peers()).hasSize(1));
      } finally {
        assertThat(Thread.interrupted()).isTrue();
      }
      assertThat(processes()).containsExactlyInAnyOrderElementsOf(before);
      settle(first, second);
    }
  }

  /// The routes go with the device, and a default route is there.
  @Test
  void nothingLeavesInTheClearWhileNobodyRepairs() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1);
        RouteNetlink netlink = RouteNetlink.open(first.machine)) {
      settle(first, second);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      for (String[] way :
          new String[][] {{"0.0.0.0/0", "10.240.0.21"}, {"::/0", "fd00:10:240::15"}}) {
        netlink.apply(
            new RouteRequest.PutRoute(Route.to(Prefix.parse(way[0])).via(IpAddress.parse(way[1]))));
      }
      Path capture = directory.resolve("capture");
      Process tcpdump = capture(second.machine, capture);
      try {
        first.agent.close();
        processes().forEach(ProcessHandle::destroyForcibly);
        until("no device", () -> netlink.link(ForwardingState.WIREGUARD_NAME).isEmpty());
        try (NetworkNamespace sending = NetworkNamespace.open(a);
            DatagramSocket sender = sending.call(() -> new DatagramSocket())) {
          for (IpAddress to : List.of(atB.address(), v6(atB))) {
            for (int i = 0; i < 20; i++) {
              sender.send(new DatagramPacket(new byte[9], 9, to.toInetAddress(), 9998));
            }
          }
        }
        first.start(BackendKind.ROUTES, step -> {});
        first.agent.set(WIREGUARD);
        settle(first, second);
        PodNetworkTest.exchange(a, b, atB.address());
      } finally {
        tcpdump.destroy();
        tcpdump.waitFor(30, TimeUnit.SECONDS);
      }
      assertThat(packets(capture, "udp port 51820")).isPositive();
      assertThat(packets(capture, "udp port 9998")).isZero();
    }
  }

  @Test
  void aNodeThatLosesItsKeyHasANewOneThatTheOthersFollow() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      Path file = first.directory.resolve("state/wireguard.key");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
      String key = first.announced.get("podnet.fairway.dev/wireguard-public-key");
      first.agent.close();
      Files.delete(file);
      first.start(BackendKind.ROUTES, step -> {});
      first.agent.set(WIREGUARD);
      settle(first, second);
      assertThat(first.announced)
          .containsEntry("flannel.alpha.coreos.com/backend-type", "wireguard")
          .doesNotContainEntry("podnet.fairway.dev/wireguard-public-key", key);
      PodNetworkTest.exchange(a, b, atB.address());
    }
  }

  @Test
  void thePrivateKeyIsNowhereAndTheToolSeesAllElse() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      String secret = Files.readString(first.directory.resolve("state/wireguard.key")).strip();
      String hex = HexFormat.of().formatHex(Base64.getDecoder().decode(secret));
      NodeStatus status = first.agent.status();
      assertThat(status.toString() + first.announced + second.announced)
          .doesNotContain(secret, hex);
      assertThat(status.tunnels())
          .singleElement()
          .satisfies(tunnel -> {
            assertThat(tunnel.kind()).isEqualTo("wireguard-go");
            assertThat(tunnel.state()).isEqualTo("ok");
            assertThat(tunnel.ends()).hasSize(2);
          });
      List<String> seen = new ArrayList<>();
      for (ProcessHandle process : processes()) {
        Path proc = Path.of("/proc/" + process.pid());
        for (String file : List.of("cmdline", "environ")) {
          assertThat(Files.readString(proc.resolve(file), StandardCharsets.ISO_8859_1))
              .doesNotContain(secret, hex);
        }
        assertThat(Files.readAllLines(proc.resolve("mountinfo")))
            .as("no mount of others is kept")
            .hasSizeLessThan(12);
        seen.add(run("nsenter", "-t", String.valueOf(process.pid()), "-m", "-n", "wg", "show"));
      }
      String key = second.announced.get("podnet.fairway.dev/wireguard-public-key");
      assertThat(seen)
          .anySatisfy(text ->
              assertThat(text)
                  .contains(
                      "interface: fairway.wg",
                      "peer: " + key,
                      "endpoint: 10.240.0.21:51820",
                      "10.200.1.0/24",
                      "fd00:10:200:1::/64",
                      "latest handshake")
                  .doesNotContain(secret));
    }
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  /// What the first sends in the name of a third is dropped by the second, although it comes by the
  /// first's own tunnel.
  @Test
  void aNodeCannotSendAsAnothersPods() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = node(machines, 0);
        TestNode second = node(machines, 1)) {
      settle(first, second);
      Path b = machines.sandbox("b");
      IpAddress address = second.add("b", b).address();
      IpAddress stranger = IpAddress.parse("10.200.7.7");
      IpAddress own = IpAddress.parse("10.200.0.0");
      try (RouteNetlink netlink = RouteNetlink.open(first.machine);
          NetworkNamespace receiving = NetworkNamespace.open(b)) {
        netlink.apply(new RouteRequest.PutAddress(LinkAddress.of(1, stranger, 32)));
        try (DatagramSocket receiver = receiving.call(() -> new DatagramSocket(9999));
            DatagramSocket sender =
                first.machine.call(
                    () -> new DatagramSocket(new InetSocketAddress(stranger.toInetAddress(), 0)));
            DatagramSocket honest =
                first.machine.call(
                    () -> new DatagramSocket(new InetSocketAddress(own.toInetAddress(), 0)))) {
          receiver.setSoTimeout(30_000);
          InetSocketAddress to = new InetSocketAddress(address.toInetAddress(), 9999);
          sender.send(new DatagramPacket(new byte[] {1}, 1, to));
          honest.send(new DatagramPacket(new byte[] {2}, 1, to));
          DatagramPacket got = new DatagramPacket(new byte[8], 8);
          receiver.receive(got);
          assertThat(got.getData()[0]).isEqualTo((byte) 2);
        }
      }
    }
  }

  @Test
  void noConnectionIsCutWhileNodesChangeToItAndFromIt() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode first = DualNodes.node(machines, directory, 0);
        TestNode second = DualNodes.node(machines, directory, 1);
        TestNode third = DualNodes.node(machines, directory, 2)) {
      List<TestNode> nodes = List.of(first, second, third);
      DualNodes.talk(nodes);
      Path a = machines.sandbox("a");
      Path b = machines.sandbox("b");
      Path c = machines.sandbox("c");
      first.add("a", a);
      TestNode.Outcome atB = second.add("b", b);
      TestNode.Outcome atC = third.add("c", c);
      try (Conversation toB = new Conversation(a, b, atB.address());
          Conversation toC = new Conversation(a, c, v6(atC));
          Conversation across = new Conversation(b, c, v6(atC))) {
        for (String next :
            List.of("wireguard", "routes", "wireguard", "bgp", "wireguard", "vxlan")) {
          for (TestNode node : nodes) {
            node.agent.set(settings("backend: " + next));
            DualNodes.talk(nodes);
            for (Conversation each : List.of(toB, toC, across)) {
              each.goesOn();
            }
          }
          settle(first, second, third);
          for (Conversation each : List.of(toB, toC, across)) {
            each.goesOn();
          }
          for (TestNode node : nodes) {
            assertOnly(node, next);
          }
        }
      }
      until("no process is left", () -> processes().isEmpty());
    }
  }

  private static void assertOnly(TestNode node, String backend) {
    boolean secure = backend.equals("wireguard");
    try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
      assertThat(netlink.link(ForwardingState.WIREGUARD_NAME).isPresent()).isEqualTo(secure);
      assertThat(netlink.link(ForwardingState.TUNNEL_NAME).isPresent())
          .isEqualTo(backend.equals("vxlan"));
      int device = netlink.link(ForwardingState.WIREGUARD_NAME).map(Link::index).orElse(-1);
      if (secure) {
        assertThat(netlink.routes())
            .filteredOn(route -> route.protocol() == ForwardingState.ROUTE_PROTOCOL)
            .filteredOn(route -> route.type() == Route.Type.UNICAST)
            .hasSize(4)
            .allSatisfy(route -> assertThat(route.link()).isEqualTo(device));
      }
    }
    assertThat(Files.exists(node.directory.resolve("wireguard"))).isEqualTo(secure);
    assertThat(node.announced.getOrDefault("podnet.fairway.dev/wireguard-public-key", "").isEmpty())
        .isEqualTo(!secure);
  }

  /// Where the kernel is to do it and cannot, nobody sends anything, not by the default route
  /// either.
  @Test
  void whereThereIsNoneItIsSaidAndNothingGoesInTheClear() throws Exception {
    try (TestMachines machines = new TestMachines(1500);
        TestNode able = node(machines, 0);
        TestNode unable = DualNodes.node(machines, directory, 1)) {
      try (KernelWireGuard kernel = new KernelWireGuard(unable.machine, "probe")) {
        kernel.create(1420);
        kernel.remove();
        abort("this kernel has WireGuard, so nothing is missing here");
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("CONFIG_WIREGUARD");
      }
      DualNodes.talk(List.of(able, unable));
      unable.agent.set(
          PodNetworkSettings.parse(
              """
              apiVersion: podnet.fairway.dev/v1
              kind: PodNetworkConfiguration
              podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
              backend: wireguard
              wireguard: {driver: kernel}
              """));
      DualNodes.talk(List.of(able, unable));
      assertThat(unable.agent.problems())
          .singleElement()
          .asString()
          .contains("node worker-1: the settings say backend: wireguard", "CONFIG_WIREGUARD");
      assertThat(able.agent.problems())
          .singleElement()
          .asString()
          .contains("node worker-1: it has no WireGuard device");
      for (TestNode node : List.of(able, unable)) {
        assertThat(node.agent.plan()).isEmpty();
        assertThat(node.agent.ready()).isTrue();
        String others = node == able ? "10.200.1.0/24" : "10.200.0.0/24";
        try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
          assertThat(netlink.routes())
              .filteredOn(route -> route.destination().toString().equals(others))
              .singleElement()
              .extracting(Route::type)
              .isEqualTo(Route.Type.UNREACHABLE);
        }
      }
      unable.agent.set(WIREGUARD);
      settle(able, unable);
    }
  }
}
