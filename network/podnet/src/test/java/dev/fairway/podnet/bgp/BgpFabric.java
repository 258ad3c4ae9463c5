// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddBridge;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// Machines on one bridge in a namespace of its own: nodes 10.240.0.20 and up, each with a pod, and
/// routers.
final class BgpFabric implements AutoCloseable {
  private static final int LINK = 10;
  private final NetworkNamespace bridge = NetworkNamespace.createAnonymous();
  private final Map<String, NetworkNamespace> namespaces = new HashMap<>();
  private final List<Process> processes = new ArrayList<>();
  private final Map<String, Integer> portOf = new HashMap<>();
  private int ports;

  BgpFabric() {
    try (RouteNetlink netlink = RouteNetlink.open(bridge)) {
      netlink.apply(new AddBridge(LinkSpec.named("br0").withIndex(100).withUp()));
    }
  }

  static ClusterNode node(int number) {
    return new ClusterNode(
        "worker-" + number,
        IpAddress.parse("10.240.0." + (20 + number)),
        List.of(
            Prefix.parse("10.200." + number + ".0/24"),
            Prefix.parse("fd00:200:0:" + number + "::/64")),
        Optional.empty());
  }

  static List<ClusterNode> nodesBut(int number, int... numbers) {
    List<ClusterNode> others = new ArrayList<>();
    for (int other : numbers) {
      if (other != number) {
        others.add(node(other));
      }
    }
    return others;
  }

  static PodNetworkSettings settings(String bgp) {
    return PodNetworkSettings.parse(
        """
        apiVersion: podnet.fairway.dev/v1
        kind: PodNetworkConfiguration
        podRanges: [10.200.0.0/16, "fd00:200::/48"]
        backend: bgp
        bgp:
        """
            + bgp.indent(2));
  }

  /// A machine with `eth0` at 10.240.0.NUMBER and fd00:240::NUMBER.
  NetworkNamespace machine(String name, int number) {
    NetworkNamespace machine = NetworkNamespace.createAnonymous();
    namespaces.put(name, machine);
    int port = 100 + ++ports;
    portOf.put(name, port);
    try (RouteNetlink inside = RouteNetlink.open(machine);
        RouteNetlink outside = RouteNetlink.open(bridge)) {
      inside.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(LINK).withUp(),
              LinkSpec.named("port" + port).withIndex(port).in(bridge)),
          new PutAddress(LinkAddress.of(LINK, IpAddress.parse("10.240.0." + number), 24)),
          new PutAddress(LinkAddress.of(LINK, IpAddress.parse("fd00:240::" + number), 64)));
      outside.apply(ChangeLink.of(port).withMaster(100).setUp());
    }
    Sysctls.write(machine, Map.of("net.ipv4.ip_forward", "1", "net.ipv6.conf.all.forwarding", "1"));
    return machine;
  }

  /// A node's machine, and the second address of each of its ranges in a pod.
  NetworkNamespace nodeMachine(int number) {
    NetworkNamespace machine = machine("worker-" + number, 20 + number);
    NetworkNamespace pod = NetworkNamespace.createAnonymous();
    namespaces.put("pod-" + number, pod);
    try (RouteNetlink inside = RouteNetlink.open(pod);
        RouteNetlink outside = RouteNetlink.open(machine)) {
      outside.apply(
          new AddVeth(
              LinkSpec.named("pod").withIndex(20).withUp(),
              LinkSpec.named("eth0").withIndex(2).in(pod)));
      inside.apply(ChangeLink.of("lo").setUp(), ChangeLink.of(2).setUp());
      for (Prefix range : node(number).ranges()) {
        IpAddress gateway = range.at(1);
        Prefix all = new Prefix(new IpAddress(range.family(), 0, 0), 0);
        outside.apply(new PutAddress(LinkAddress.of(20, gateway, range.length())));
        inside.apply(
            new PutAddress(LinkAddress.of(2, podAddress(number, range.family()), range.length())),
            new PutRoute(Route.to(all).via(gateway).on(2)));
      }
    }
    return machine;
  }

  static IpAddress podAddress(int number, IpFamily family) {
    return node(number).ranges().get(family == IpFamily.IPV4 ? 0 : 1).at(2);
  }

  NetworkNamespace namespace(String name) {
    NetworkNamespace found = namespaces.get(name);
    assertThat(found).as(name).isNotNull();
    return found;
  }

  Process start(String where, Path log, String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Process process = namespace(where).start(builder.redirectOutput(log.toFile()));
    processes.add(process);
    return process;
  }

  String run(String where, String... command) throws Exception {
    Process process = namespace(where).start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  boolean pings(int from, int to, IpFamily family) throws Exception {
    String address = podAddress(to, family).toString();
    return run("pod-" + from, "busybox", "ping", "-c1", "-W1", address).contains(" 0% packet loss");
  }

  /// Dies without a word: nothing of the machine is heard any more, not even a closing connection.
  void cut(String machine) {
    try (RouteNetlink outside = RouteNetlink.open(bridge)) {
      outside.apply(ChangeLink.of(portOf.getOrDefault(machine, 0)).setDown());
    }
  }

  static void waitFor(String what, Callable<Boolean> condition) throws Exception {
    Instant end = Instant.now().plus(Duration.ofSeconds(90));
    while (!condition.call()) {
      assertThat(Instant.now()).as(what).isBefore(end);
      LockSupport.parkNanos(20_000_000);
    }
  }

  static void kill(Process process) throws InterruptedException {
    process.destroyForcibly();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  @Override
  public void close() throws InterruptedException {
    for (Process process : processes) {
      kill(process);
    }
    namespaces.values().forEach(NetworkNamespace::close);
    bridge.close();
  }
}
