// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.PodNetwork;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/// What connecting a pod costs the container runtime: one exec of the plugin for ADD, one for DEL,
/// beside the reference `bridge` plugin with `host-local` addresses, in turn.
final class CniBench implements Bench.Benchmark {
  private static final Path REFERENCE_PLUGINS = Path.of("/usr/lib/cni");
  private static final double GOAL = 4;
  private static final int AT_ONCE = 100;
  private static final double AT_ONCE_LIMIT_MILLIS = 60;
  private static final int WARM_UP = 500;
  private static final String NODE = "bench";

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    int rounds = quick ? 30 : 150;
    Path directory = Files.createTempDirectory("fairway-cni-bench");
    try (NativeProgram runner = NativeProgram.extract("exec-time")) {
      try (RouteNetlink links = RouteNetlink.open()) {
        links.apply(
            ChangeLink.of("lo").setUp(),
            new AddVeth(LinkSpec.named("eth0").withUp(), LinkSpec.named("wire")));
      }
      try (PodNetwork network = start(directory)) {
        network.nodes(
            List.of(
                new NodeBuilder()
                    .withNewMetadata()
                    .withName(NODE)
                    .endMetadata()
                    .withNewSpec()
                    .withPodCIDR("10.200.0.0/20")
                    .withPodCIDRs("10.200.0.0/20")
                    .endSpec()
                    .withNewStatus()
                    .addNewAddress("10.240.0.20", "InternalIP")
                    .endStatus()
                    .build()));
        Plugin ours =
            new Plugin(runner, directory.resolve("bin"), "fairway-cni", configuration(directory));
        Plugin bridge = new Plugin(runner, REFERENCE_PLUGINS, "bridge", bridge(directory));
        // The runtime keeps its agent for days, so the agent is measured warm. The peer has none.
        for (int round = 0; round < WARM_UP; round++) {
          ours.call("ADD", directory, round);
          ours.call("DEL", directory, round);
        }
        Figures figures = measure(directory, rounds, ours, bridge);
        Samples warmUp = new Samples();
        Samples atOnce = new Samples();
        int warmRounds = quick ? 5 : 10;
        for (int round = 0; round < 2 * warmRounds; round++) {
          awaitNoPods();
          ours.callAtOnce(directory, round, round < warmRounds ? warmUp : atOnce);
        }
        return List.of(
            Row.fasterBy(
                "CNI ADD with its exec",
                figures.ourAdd.median(),
                "ms",
                "bridge",
                figures.bridgeAdd.median(),
                GOAL),
            Row.fasterBy(
                "CNI DEL with its exec",
                figures.ourDelete.median(),
                "ms",
                "bridge",
                figures.bridgeDelete.median(),
                GOAL),
            Row.within(
                AT_ONCE + " ADDs at once, 99 % of them within",
                atOnce.percentile(99),
                "ms",
                AT_ONCE_LIMIT_MILLIS));
      }
    } finally {
      deleteTree(directory);
    }
  }

  /// A round is not to pay for the end of the one before it.
  private static void awaitNoPods() throws IOException {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    try (RouteNetlink links = RouteNetlink.open()) {
      while (links.links().stream().anyMatch(link -> link.name().startsWith("fw"))) {
        if (System.nanoTime() > deadline) {
          throw new IOException("links of pods stay after their DEL");
        }
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    }
  }

  private static PodNetwork start(Path directory) throws IOException {
    return PodNetwork.start(
        new PodNetwork.Config(
            NODE,
            IpAddress.parse("10.240.0.20"),
            "eth0",
            PodNetworkSettings.of(BackendKind.ROUTES, List.of(Prefix.parse("10.200.0.0/16"))),
            directory.resolve("cni.sock"),
            directory.resolve("bin"),
            directory.resolve("conf"),
            directory.resolve("state")),
        NetworkNamespace.current(),
        (node, annotations) -> {});
  }

  /// The first plugin's configuration as the agent wrote it, but for one plugin instead of a list.
  private static String configuration(Path directory) {
    return """
    {"cniVersion":"1.0.0","name":"fairway","type":"fairway-cni","agentSocket":"%s"}\
    """
        .formatted(directory.resolve("cni.sock"));
  }

  private static String bridge(Path directory) {
    return """
    {"cniVersion":"1.0.0","name":"peer","type":"bridge","bridge":"cni0","isGateway":true,\
    "ipam":{"type":"host-local","subnet":"10.245.0.0/16","dataDir":"%s",\
    "routes":[{"dst":"0.0.0.0/0"}]}}\
    """
        .formatted(directory.resolve("host-local"));
  }

  private record Figures(
      Samples ourAdd, Samples ourDelete, Samples bridgeAdd, Samples bridgeDelete) {}

  private static Figures measure(Path directory, int rounds, Plugin ours, Plugin bridge)
      throws IOException, InterruptedException {
    Figures figures = new Figures(new Samples(), new Samples(), new Samples(), new Samples());
    for (int round = 0; round < rounds; round++) {
      figures.ourAdd.add(ours.call("ADD", directory, round));
      figures.ourDelete.add(ours.call("DEL", directory, round));
      figures.bridgeAdd.add(bridge.call("ADD", directory, round));
      figures.bridgeDelete.add(bridge.call("DEL", directory, round));
    }
    return figures;
  }

  /// A CNI plugin as a container runtime calls it.
  private record Plugin(NativeProgram runner, Path directory, String name, String config) {
    /// Milliseconds of one call. ADD makes the pod's namespace first, DEL removes it afterwards, as
    /// the runtime does; neither is counted.
    double call(String command, Path scratch, int round) throws IOException, InterruptedException {
      Path pod = Path.of("/run/netns/fairway-cni-bench-" + name);
      if (command.equals("ADD")) {
        NetworkNamespace.create(pod).close();
      }
      Ran ran = run(command, scratch, name + round, pod.toString(), List.of());
      if (command.equals("DEL")) {
        NetworkNamespace.delete(pod);
      }
      if (ran.exitCode != 0) {
        NetworkNamespace.delete(pod);
        throw new IOException(
            name
                + " "
                + command
                + " failed: "
                + ran.said
                + " "
                + Files.readString(scratch.resolve("output")));
      }
      return Double.parseDouble(ran.said);
    }

    /// As many ADDs as a node has pods, started together, and then their DELs.
    void callAtOnce(Path scratch, int round, Samples samples)
        throws IOException, InterruptedException {
      String pods = "/run/netns/fairway-cni-bench-" + name + "-";
      String id = "at-once-" + round + "-";
      List<String> count = List.of(Integer.toString(AT_ONCE));
      for (int i = 0; i < AT_ONCE; i++) {
        NetworkNamespace.create(Path.of(pods + i)).close();
      }
      try {
        Ran added = run("ADD", scratch, id, pods, count);
        Ran deleted = run("DEL", scratch, id, pods, count);
        if (added.exitCode != 0 || deleted.exitCode != 0) {
          throw new IOException("of " + AT_ONCE + " calls at once some failed");
        }
        added.said.lines().forEach(line -> samples.add(Double.parseDouble(line)));
      } finally {
        for (int i = 0; i < AT_ONCE; i++) {
          NetworkNamespace.delete(Path.of(pods + i));
        }
      }
    }

    private record Ran(int exitCode, String said) {}

    private Ran run(String command, Path scratch, String id, String pod, List<String> count)
        throws IOException, InterruptedException {
      List<String> words = new ArrayList<>();
      words.add(runner.file().toString());
      words.add(Files.writeString(scratch.resolve("input"), config).toString());
      words.add(scratch.resolve("output").toString());
      words.add(directory.resolve(name).toString());
      words.addAll(count);
      ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
      builder
          .environment()
          .putAll(
              Map.of(
                  "CNI_COMMAND",
                  command,
                  "CNI_CONTAINERID",
                  id,
                  "CNI_NETNS",
                  pod,
                  "CNI_IFNAME",
                  "eth0",
                  "CNI_PATH",
                  directory.toString()));
      Process process = builder.start();
      String said =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
      return new Ran(process.waitFor(), said);
    }
  }

  private static void deleteTree(Path top) throws IOException {
    try (Stream<Path> all = Files.walk(top)) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
