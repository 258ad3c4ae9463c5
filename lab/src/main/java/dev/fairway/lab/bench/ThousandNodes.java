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
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What a cluster of 1,000 nodes costs one agent: to know and program them all, and to follow when
/// one of them changes. Over VXLAN, which needs three entries a node.
final class ThousandNodes {
  private static final int NODES = 1000;
  private static final int WARM_UP = 300;
  private static final double ALL_MILLIS = 1000;
  private static final double CHANGE_MILLIS = 5;
  private static final double MEMORY_MIB = 32;
  private static final double MIB = 1 << 20;

  private final Path directory;
  private final int rounds;
  private final int changes;

  ThousandNodes(Path directory, boolean quick) {
    this.directory = directory;
    this.rounds = quick ? 3 : 9;
    this.changes = quick ? 40 : 200;
  }

  List<Row> run() throws IOException {
    Samples all = new Samples();
    Samples change = new Samples();
    double cold = 0;
    Samples memory = new Samples();
    for (int round = 0; round < rounds; round++) {
      try (NetworkNamespace machine = machine();
          BenchNode node =
              new BenchNode(machine, directory.resolve("r" + round), BackendKind.VXLAN, 0)) {
        node.agent().nodes(List.of(node.object()));
        double before = usedMib();
        List<Node> nodes = new ArrayList<>();
        nodes.add(node.object());
        for (int i = 1; i < NODES; i++) {
          nodes.add(other(i, i));
        }
        long from = System.nanoTime();
        node.agent().nodes(nodes);
        double millis = millisSince(from);
        if (round == 0) {
          cold = millis;
        }
        all.add(millis);
        if (!node.agent().plan().isEmpty()) {
          throw new IOException("not all was programmed: " + node.agent().plan().getFirst());
        }
        memory.add(usedMib() - before);
        // An agent runs for days, so it is measured warm.
        int warmUp = round == 0 ? WARM_UP : 0;
        for (int i = -warmUp; i < changes; i++) {
          int changed = 1 + (i + warmUp) % (NODES - 1);
          nodes.set(changed, other(changed, 100_000 + round * changes + i));
          from = System.nanoTime();
          node.agent().nodes(nodes);
          if (i >= 0) {
            change.add(millisSince(from));
          }
        }
      }
    }
    return List.of(
        Row.within("1,000 nodes: all programmed, cold", cold, "ms", ALL_MILLIS),
        Row.within("1,000 nodes: all programmed, median", all.median(), "ms", ALL_MILLIS),
        Row.within("1,000 nodes: one changed", change.median(), "ms", CHANGE_MILLIS),
        Row.within(
            "1,000 nodes: memory, their objects included", memory.median(), "MiB", MEMORY_MIB));
  }

  /// @param mac of its tunnel, in the last bytes
  private static Node other(int number, int mac) {
    String address = BenchNode.address(number).toString();
    return BenchNode.object(
        number,
        Map.of(
            "flannel.alpha.coreos.com/backend-type",
            "vxlan",
            "flannel.alpha.coreos.com/backend-data",
            String.format(
                "{\"VNI\":1,\"VtepMAC\":\"0e:00:%02x:%02x:%02x:%02x\"}",
                mac >>> 24, mac >>> 16 & 255, mac >>> 8 & 255, mac & 255),
            "flannel.alpha.coreos.com/public-ip",
            address,
            "flannel.alpha.coreos.com/kube-subnet-manager",
            "true"));
  }

  private static NetworkNamespace machine() {
    NetworkNamespace machine = NetworkNamespace.createAnonymous();
    try (RouteNetlink netlink = RouteNetlink.open(machine)) {
      netlink.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(10).withUp(), LinkSpec.named("wire").withIndex(11)),
          ChangeLink.of(11).setUp(),
          new PutAddress(LinkAddress.of(10, BenchNode.address(0), 16)));
    }
    return machine;
  }

  private static double millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e6;
  }

  private static double usedMib() {
    var heap = ManagementFactory.getMemoryMXBean();
    double least = Double.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      heap.gc();
      least = Math.min(least, heap.getHeapMemoryUsage().getUsed() / MIB);
    }
    return least;
  }
}
