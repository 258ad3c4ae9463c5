// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.podnet.settings.BackendKind;
import io.fabric8.kubernetes.api.model.Node;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// What the pod network costs a packet, beside the same made by hand with `ip`: on one node beside
/// two namespaces joined by a veth pair, across nodes beside routes and beside a VXLAN device. And
/// what 1,000 nodes cost the agent.
final class PodnetBench implements Bench.Benchmark {
  private static final double SAME_NODE_GOAL = 0.95;
  private static final double ACROSS_GOAL = 0.97;
  private static final double WARM_UP_SECONDS = 0.5;
  private static final Path IP = Path.of("/usr/sbin/ip");

  /// One kind of load.
  private interface Load {
    double on(LoadedPath path, double seconds) throws IOException, InterruptedException;
  }

  private record Measure(String name, String unit, Load load) {}

  private static final List<Measure> MEASURES =
      List.of(
          new Measure("TCP, 1 stream", "Gbit/s", (path, time) -> path.throughput(1, time)),
          new Measure("TCP, 4 streams", "Gbit/s", (path, time) -> path.throughput(4, time)),
          new Measure("round trips", "1/s", LoadedPath::roundTrips),
          new Measure("connections", "1/s", LoadedPath::connections));

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    if (!Files.isExecutable(IP) && !Files.isExecutable(Path.of("/sbin/ip"))) {
      throw new IOException(
          "the peers of this benchmark are made by `ip`, which is missing: apt install iproute2");
    }
    Path directory = Files.createTempDirectory("fwb");
    List<Row> rows = new ArrayList<>();
    try {
      try (LoadedPath.Programs programs = LoadedPath.Programs.extract()) {
        for (BackendKind backend : List.of(BackendKind.ROUTES, BackendKind.VXLAN)) {
          rows.addAll(traffic(programs, directory.resolve(backend.name()), backend, quick));
        }
      }
      rows.addAll(new ThousandNodes(directory.resolve("many"), quick).run());
    } finally {
      deleteTree(directory);
    }
    return rows;
  }

  private static List<Row> traffic(
      LoadedPath.Programs programs, Path directory, BackendKind backend, boolean quick)
      throws Exception {
    boolean wrapped = backend == BackendKind.VXLAN;
    List<Row> rows = new ArrayList<>();
    try (NamedNamespaces spaces = new NamedNamespaces()) {
      wire(spaces.create("node0"), spaces.create("node1"));
      try (BenchNode first = new BenchNode(spaces.get("node0"), directory, backend, 0);
          BenchNode second = new BenchNode(spaces.get("node1"), directory, backend, 1)) {
        for (int round = 0; round < 2; round++) { // each hears of what the other announced
          List<Node> nodes = List.of(first.object(), second.object());
          first.agent().nodes(nodes);
          second.agent().nodes(nodes);
        }
        String near = pod(spaces, first, "a", "b");
        if (!wrapped) {
          byHandOnOneNode(spaces);
          try (LoadedPath ours = new LoadedPath(programs, spaces.get("a"), spaces.get("b"), near);
              LoadedPath peer =
                  new LoadedPath(programs, spaces.get("va"), spaces.get("vb"), "10.1.0.2")) {
            rows.addAll(compare("same node", ours, "a veth pair", peer, SAME_NODE_GOAL, quick));
          }
        }
        spaces.create("c");
        String far = second.add("c", spaces.path("c"));
        byHandAcross(spaces, wrapped);
        try (LoadedPath ours = new LoadedPath(programs, spaces.get("a"), spaces.get("c"), far);
            LoadedPath peer =
                new LoadedPath(programs, spaces.get("ha"), spaces.get("hb"), "10.201.1.2")) {
          String what = wrapped ? "across nodes, vxlan" : "across nodes, routes";
          String with = wrapped ? "VXLAN by hand" : "routes by hand";
          rows.addAll(compare(what, ours, with, peer, ACROSS_GOAL, quick));
        }
      }
    }
    return rows;
  }

  /// Two pods on a node; returns the second's address.
  private static String pod(NamedNamespaces spaces, BenchNode node, String client, String server)
      throws IOException, InterruptedException {
    spaces.create(client);
    spaces.create(server);
    String first = node.add(client, spaces.path(client));
    String second = node.add(server, spaces.path(server));
    if (first.equals(second)) {
      throw new IOException("both pods got " + first);
    }
    return second;
  }

  private static void wire(NetworkNamespace first, NetworkNamespace second) {
    try (RouteNetlink at = RouteNetlink.open(first);
        RouteNetlink there = RouteNetlink.open(second)) {
      at.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(10).withUp(),
              LinkSpec.named("eth0").withIndex(10).in(second)),
          new PutAddress(LinkAddress.of(10, BenchNode.address(0), 16)));
      there.apply(
          ChangeLink.of("lo").setUp(),
          ChangeLink.of(10).setUp(),
          new PutAddress(LinkAddress.of(10, BenchNode.address(1), 16)));
    }
  }

  private static void byHandOnOneNode(NamedNamespaces spaces)
      throws IOException, InterruptedException {
    spaces.create("va");
    spaces.create("vb");
    spaces.script(
        """
        ip link add eth0 netns @va type veth peer name eth0 netns @vb
        at va ip link set lo up; at va ip addr add 10.1.0.1/24 dev eth0; at va ip link set eth0 up
        at vb ip link set lo up; at vb ip addr add 10.1.0.2/24 dev eth0; at vb ip link set eth0 up
        """);
  }

  /// Two more nodes with a pod each, as a hard way would have them; what leaves the cluster is
  /// masqueraded there, too, since no cluster goes without and connection tracking has its price.
  private static void byHandAcross(NamedNamespaces spaces, boolean wrapped)
      throws IOException, InterruptedException {
    for (String name : List.of("h0", "h1", "ha", "hb")) {
      spaces.create(name);
    }
    int mtu = wrapped ? 1450 : 1500;
    spaces.script(
        """
        ip link add eth0 netns @h0 type veth peer name eth0 netns @h1
        ip link add eth0 mtu %1$d netns @ha type veth peer name pod mtu %1$d netns @h0
        ip link add eth0 mtu %1$d netns @hb type veth peer name pod mtu %1$d netns @h1
        for i in 0 1; do
          at h$i sysctl -qw net.ipv4.ip_forward=1
          at h$i ip link set lo up
          at h$i ip addr add 10.241.0.2$i/24 dev eth0
          at h$i ip link set eth0 up
          at h$i ip addr add 10.201.$i.1/24 dev pod
          at h$i ip link set pod up
          at h$i nft 'table ip leave { chain out { type nat hook postrouting priority srcnat; ip saddr 10.201.0.0/16 ip daddr != { 10.201.0.0/16, 10.241.0.0/24 } masquerade; }; }'
        done
        i=0
        for n in ha hb; do
          at $n ip link set lo up
          at $n ip addr add 10.201.$i.2/24 dev eth0
          at $n ip link set eth0 up
          at $n ip route add default via 10.201.$i.1
          i=1
        done
        """
            .formatted(mtu));
    spaces.script(
        wrapped
            ? """
            for i in 0 1; do
              o=$((1 - i))
              at h$i ip link add vx type vxlan id 1 dev eth0 local 10.241.0.2$i dstport 8472 nolearning
              at h$i ip link set vx address 0e:00:00:00:00:0$i
              at h$i ip addr add 10.201.$i.0/32 dev vx
              at h$i ip link set vx up
              at h$i ip neigh add 10.201.$o.0 lladdr 0e:00:00:00:00:0$o dev vx nud permanent
              at h$i bridge fdb add 0e:00:00:00:00:0$o dev vx dst 10.241.0.2$o
              at h$i ip route add 10.201.$o.0/24 via 10.201.$o.0 dev vx onlink
            done
            """
            : """
            at h0 ip route add 10.201.1.0/24 via 10.241.0.21
            at h1 ip route add 10.201.0.0/24 via 10.241.0.20
            """);
  }

  private static List<Row> compare(
      String what, LoadedPath ours, String with, LoadedPath peer, double goal, boolean quick)
      throws IOException, InterruptedException {
    // Short, so that what others do to the machine meanwhile meets both alike; and many.
    double seconds = quick ? 0.1 : 0.15;
    int rounds = quick ? 13 : 41;
    List<Row> rows = new ArrayList<>();
    for (Measure measure : MEASURES) {
      Samples own = new Samples();
      Samples other = new Samples();
      Samples ratio = new Samples();
      measure.load().on(ours, WARM_UP_SECONDS);
      measure.load().on(peer, WARM_UP_SECONDS);
      for (int round = 0; round < rounds; round++) {
        // Who goes first alternates, as the second finds the caches warmer.
        double first = measure.load().on(round % 2 == 0 ? ours : peer, seconds);
        double second = measure.load().on(round % 2 == 0 ? peer : ours, seconds);
        double value = round % 2 == 0 ? first : second;
        double its = round % 2 == 0 ? second : first;
        own.add(value);
        other.add(its);
        ratio.add(value / its);
      }
      rows.add(
          new Row(
              what + ": " + measure.name(),
              own.median(),
              measure.unit(),
              with,
              other.median(),
              ratio.median(),
              goal,
              Row.Better.LARGER));
    }
    return rows;
  }

  private static void deleteTree(Path top) throws IOException {
    try (Stream<Path> all = Files.walk(top)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
