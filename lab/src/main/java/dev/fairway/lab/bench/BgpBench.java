// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.bgp.bfd.BfdState;
import dev.fairway.linux.NextHop;
import dev.fairway.linux.NextHopRoutes;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteSet;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.bgp.BgpNetwork;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/// What routes that neighbours tell cost a node: 100,000 of them, and the death of one of two
/// routers that share the traffic. The routers are BIRD.
final class BgpBench implements Bench.Benchmark {
  private static final int ROUTES = 100_000;
  private static final double ROUTES_SECONDS = 3;
  private static final double DEATH_MILLIS = 300;
  private static final long DEADLINE_NANOS = 60_000_000_000L;
  private static final int BUSY_SECONDS = 5;

  private final List<Process> birds = new ArrayList<>();

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    Path directory = Files.createTempDirectory("fwb");
    List<Row> rows = new ArrayList<>();
    try (NamedNamespaces spaces = new NamedNamespaces()) {
      for (String name : List.of("fabric", "node", "tora", "torb")) {
        spaces.create(name);
      }
      spaces.script(
          """
          at fabric ip link add br0 type bridge; at fabric ip link set br0 up
          host=20
          for m in node tora torb; do
            ip link add eth0 netns @$m type veth peer name to-$m netns @fabric
            at fabric ip link set to-$m master br0 up
            at $m ip link set lo up; at $m ip addr add 10.240.0.$host/24 dev eth0
            at $m ip link set eth0 up
            host=$((host + 1))
          done
          """);
      bird(spaces, directory, "tora", 21, ROUTES);
      bird(spaces, directory, "torb", 22, 0);
      try (BgpNetwork network = BgpNetwork.start(spaces.get("node"));
          NextHopRoutes kernel =
              NextHopRoutes.open(spaces.get("node"), new RouteSet(Route.TABLE_MAIN, 86, 32))) {
        rows.add(full(network, quick ? 1 : 3));
        rows.add(death(spaces, network, kernel, quick ? 3 : 9));
        rows.add(busy(network));
      }
    } finally {
      birds.forEach(Process::destroyForcibly);
      for (String file : List.of("tora.conf", "torb.conf", "tora.ctl", "torb.ctl")) {
        Files.deleteIfExists(directory.resolve(file));
      }
      Files.deleteIfExists(directory);
    }
    rows.addAll(new BgpTransfer().run(quick));
    return rows;
  }

  private void bird(NamedNamespaces spaces, Path directory, String name, int number, int routes)
      throws IOException {
    StringBuilder config = new StringBuilder(routes * 40 + 1000);
    config.append("router id 10.240.0.").append(number).append(";\nprotocol device {}\n");
    config.append("protocol static { ipv4; route 203.0.113.0/24 blackhole;\n");
    for (int i = 0; i < routes; i++) {
      Prefix prefix = new Prefix(IpAddress.ofIpv4(0x0b00_0000 + (i << 8)), 24);
      config.append("route ").append(prefix).append(" blackhole;\n");
    }
    config.append("}\nprotocol bfd { interface \"eth0\" { interval 50 ms; multiplier 5; }; }\n");
    config.append("protocol bgp node { local 10.240.0.").append(number).append(" as 65000;\n");
    config.append(
        "neighbor 10.240.0.20 as 64512; connect delay time 1; error wait time 1, 2; bfd on;\n");
    config.append("ipv4 { import all; export all; next hop self; }; }\n");
    Path file = directory.resolve(name + ".conf");
    Files.writeString(file, config);
    String control = directory.resolve(name + ".ctl").toString();
    birds.add(
        spaces
            .get(name)
            .start(
                new ProcessBuilder("bird", "-f", "-c", file.toString(), "-s", control)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)));
  }

  /// From a session that is up and has told nothing else, until the kernel has all.
  private static Row full(BgpNetwork network, int rounds) throws Exception {
    Samples seconds = new Samples();
    for (int round = 0; round < rounds; round++) {
      set(network, "{as: 64512}");
      waitFor("no routes", () -> network.routeCount() == 0);
      set(network, PEERS);
      // The other router, which has next to nothing to tell, may be there seconds earlier.
      waitFor("a session", () -> established(network, "10.240.0.21"));
      long from = System.nanoTime();
      waitFor("all routes", () -> network.routeCount() > ROUTES);
      seconds.add((System.nanoTime() - from) / 1e9);
    }
    return Row.within(
        "100,000 routes from BIRD in the kernel", seconds.median(), "s", ROUTES_SECONDS);
  }

  private static boolean established(BgpNetwork network, String address) {
    return network.peers().stream()
        .anyMatch(peer -> peer.established() && peer.address().toString().equals(address));
  }

  private static final String PEERS =
      """
      as: 64512
      peers:
      - {name: tor-a, address: 10.240.0.21, as: 65000, bfd: true}
      - {name: tor-b, address: 10.240.0.22, as: 65000, bfd: true}
      """;

  private static void set(BgpNetwork network, String bgp) throws IOException {
    ClusterNode me =
        new ClusterNode(
            "bench",
            IpAddress.parse("10.240.0.20"),
            List.of(Prefix.parse("10.200.0.0/24")),
            Optional.empty());
    PodNetworkSettings settings =
        PodNetworkSettings.parse(
            """
            apiVersion: podnet.fairway.dev/v1
            kind: PodNetworkConfiguration
            podRanges: [10.200.0.0/16]
            backend: bgp
            bgp:
            """
                + bgp.indent(2));
    network.set(me, List.of(), settings, Map.of(), "eth0");
  }

  /// From the moment that nothing of a router is heard any more, not even a closing connection,
  /// until the kernel sends nothing more its way.
  private static Row death(
      NamedNamespaces spaces, BgpNetwork network, NextHopRoutes kernel, int rounds)
      throws Exception {
    Samples millis = new Samples();
    for (int round = 0; round < rounds; round++) {
      waitFor("two watched routers", () -> watched(network) == 2 && ways(kernel) == 2);
      try (RouteNetlink fabric = RouteNetlink.open(spaces.get("fabric"))) {
        long from = System.nanoTime();
        fabric.apply(ChangeLink.of("to-torb").setDown());
        waitFor("one way", () -> ways(kernel) != 2);
        millis.add((System.nanoTime() - from) / 1e6);
      }
      spaces.script("at fabric ip link set to-torb up");
    }
    return Row.within(
        "death of one of two routers, until avoided", millis.median(), "ms", DEATH_MILLIS);
  }

  private static long watched(BgpNetwork network) {
    return network.watchedPeers().stream()
        .filter(peer -> peer.state() == BfdState.UP && peer.detection().toMillis() == 250)
        .count();
  }

  /// How many ways the largest group has.
  private static int ways(NextHopRoutes kernel) {
    int most = 1;
    for (NextHop hop : kernel.nextHops()) {
      if (hop instanceof NextHop.Group group) {
        most = Math.max(most, group.members().size());
      }
    }
    return most;
  }

  /// No living router may be thought dead because this process has no time.
  private static Row busy(BgpNetwork network) throws Exception {
    waitFor("two watched routers", () -> watched(network) == 2);
    long before = flaps(network);
    AtomicBoolean stop = new AtomicBoolean();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2 * Runtime.getRuntime().availableProcessors(); i++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                List<byte[]> kept = new ArrayList<>();
                while (!stop.get()) {
                  kept.add(new byte[1000]);
                  if (kept.size() > 5000) {
                    kept.clear();
                  }
                }
              }));
    }
    LockSupport.parkNanos(BUSY_SECONDS * 1_000_000_000L);
    stop.set(true);
    for (Thread thread : threads) {
      thread.join();
    }
    double more = (double) (flaps(network) - before);
    return Row.within("flaps in 5 s of busy processors and collections", more, "flaps", 0.5);
  }

  private static long flaps(BgpNetwork network) {
    return network.watchedPeers().stream().mapToLong(peer -> peer.flaps()).sum();
  }

  private static void waitFor(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + DEADLINE_NANOS;
    while (!condition.call()) {
      if (System.nanoTime() - end > 0) {
        throw new IOException("waited a minute in vain for " + what);
      }
      LockSupport.parkNanos(1_000_000);
    }
  }
}
