// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.podnet.settings.BackendKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Pods that come and go on one node, 10,000 of them, and what is left of them in the end: nothing.
final class ChurnBench implements Bench.Benchmark {
  private static final int ALL = 10_000;
  private static final int QUICK = 500;
  private static final int AT_ONCE = 10;

  /// Descriptors that the agent and the JVM open once, when first needed, and keep.
  private static final int MADE_ONCE = 8;

  private static final Duration SETTLING = Duration.ofSeconds(60);

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    Path directory = Files.createTempDirectory("fwc");
    try {
      Left left = churn(directory, quick ? QUICK : ALL);
      return List.of(
          Row.within("churn: one pod come and gone", left.millisPerPod(), "ms", 100),
          nothing("links left", left.links()),
          nothing("routes left", left.routes()),
          nothing("neighbours left", left.neighbours()),
          nothing("addresses taken", left.addresses()),
          Row.within(
              "churn: descriptors more than before", (double) left.descriptors(), "", MADE_ONCE));
    } finally {
      try (Stream<Path> all = Files.walk(directory)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
  }

  private static Row nothing(String what, long count) {
    return new Row("churn: " + what, count, "", "none", 0, count, 0, Row.Better.SMALLER);
  }

  /// What is there more than before the first pod.
  ///
  /// @param addresses that the agent still counts as taken
  record Left(
      double millisPerPod,
      long links,
      long routes,
      long neighbours,
      long addresses,
      long descriptors) {
    boolean isNothing() {
      return links + routes + neighbours + addresses == 0 && descriptors <= MADE_ONCE;
    }
  }

  private record Held(long links, long routes, long neighbours, long descriptors) {}

  /// Connects and disconnects pods, some at a time, in a namespace of its own.
  static Left churn(Path directory, int pods) throws Exception {
    try (NamedNamespaces spaces = new NamedNamespaces()) {
      NetworkNamespace machine = spaces.create("churn");
      try (RouteNetlink netlink = RouteNetlink.open(machine)) {
        netlink.apply(
            ChangeLink.of("lo").setUp(),
            new AddVeth(
                LinkSpec.named("eth0").withIndex(10).withUp(),
                LinkSpec.named("wire").withIndex(11)),
            ChangeLink.of(11).setUp(),
            new PutAddress(LinkAddress.of(10, BenchNode.address(0), 16)));
        try (BenchNode node = new BenchNode(machine, directory, BackendKind.VXLAN, 0)) {
          node.agent().nodes(List.of(node.object()));
          generation(spaces, node, "warm"); // what is made once, such as threads' sockets
          Held before = settled(netlink, null);
          long from = System.nanoTime();
          for (int i = 0; i < pods / AT_ONCE; i++) {
            generation(spaces, node, "g" + i);
          }
          double millis = (System.nanoTime() - from) / 1e6 / pods;
          Held after = settled(netlink, before);
          long addresses =
              node.agent().status().ranges().stream().mapToLong(range -> range.used()).sum();
          return new Left(
              millis,
              after.links - before.links,
              after.routes - before.routes,
              after.neighbours - before.neighbours,
              addresses,
              Math.max(0, after.descriptors - before.descriptors));
        }
      }
    }
  }

  private static void generation(NamedNamespaces spaces, BenchNode node, String name)
      throws IOException, InterruptedException {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < AT_ONCE; i++) {
      String id = name + "-" + i;
      ids.add(id);
      spaces.create(id);
      String address = node.add(id, spaces.path(id));
      if (address.isEmpty()) {
        throw new IOException(id + " has no address");
      }
    }
    for (String id : ids) {
      node.delete(id, spaces.path(id));
      spaces.delete(id);
    }
  }

  /// Waits until links are gone that the kernel takes down in its own time.
  private static Held settled(RouteNetlink netlink, @Nullable Held goal)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + SETTLING.toNanos();
    Held last = held(netlink);
    while (System.nanoTime() < deadline) {
      Thread.sleep(100);
      Held next = held(netlink);
      boolean quiet = next.equals(last) && next.links <= 4;
      if (goal == null ? quiet : next.equals(goal)) {
        return next;
      }
      last = next;
    }
    return last;
  }

  private static Held held(RouteNetlink netlink) throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      // The kernel adds routes and neighbours of its own for IPv6, in its own time.
      return new Held(
          netlink.links().size(),
          netlink.routes().stream().filter(r -> r.protocol() != Route.PROTOCOL_KERNEL).count(),
          netlink.neighbours().stream().filter(Neighbour::permanent).count(),
          descriptors.count());
    }
  }
}
