// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.Cgroups;
import dev.fairway.linux.Iptables;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpFamily;
import dev.fairway.traffic.NodeServices;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What Services cost: an agent that has just started, to have all of them in the kernel and to
/// change one of them, and a new connection, which a client pod makes to the last of them and to
/// the pod behind it directly, in turn. Both pass the same connection tracking.
final class ServicesBench implements Bench.Benchmark {
  private static final int MANY = 10_000;
  private static final int MOST = 45_000;

  /// A local cluster's node has this much; for 45,000 Services it is to be told more.
  private static final String HEAP = "256m";

  private static final String LARGE_HEAP = "768m";
  private static final int LARGE_HEAP_MEBIBYTES = 768;
  private static final double CHANGE_MILLIS = 5;
  private static final double KERNEL_MILLIS = 0.1;
  private static final double MOST_MILLIS = 1000;

  /// A datapath and what is expected of it.
  ///
  /// @param loadMillis of 10,000 Services
  /// @param rate of connections through a Service against those to the pod
  private record Kind(String word, double loadMillis, double rate) {}

  private static final List<Kind> FLAT =
      List.of(new Kind("nftables", 150, 0.92), new Kind("ebpf", 400, 0.98));

  private final List<Row> rows = new ArrayList<>();

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    Sysctls.write("net.ipv4.ip_forward", "1");
    Path cgroup =
        Files.createDirectory(
            Cgroups.find()
                .unified("fairway-bench-" + ProcessHandle.current().pid())
                .orElseThrow(
                    () -> new IOException("ebpf needs a unified control group hierarchy")));
    try (NativeProgram connectRate = NativeProgram.extract("connect-rate");
        NetworkNamespace node = NetworkNamespace.current();
        NetworkNamespace client = RoutedPod.on(node, ServicesSample.CLIENT, 102);
        NetworkNamespace server = RoutedPod.on(node, ServicesSample.SERVER, 103)) {
      Process listener = serve(server, connectRate.file());
      try {
        for (Kind kind : FLAT) {
          Clients clients = new Clients(client, connectRate.file(), cgroup, kind, quick);
          flat(kind, node, cgroup, clients, quick);
        }
        iptables(node, cgroup, quick ? 1000 : MANY);
      } finally {
        listener.destroyForcibly().waitFor();
        NodeServices.uninstall(node, cgroup);
      }
    } finally {
      Files.delete(cgroup);
    }
    return rows;
  }

  private void flat(Kind kind, NetworkNamespace node, Path cgroup, Clients clients, boolean quick)
      throws Exception {
    String word = kind.word();
    Samples loads = new Samples();
    for (int i = 1; i < (quick ? 2 : 7); i++) {
      NodeServices.uninstall(node, cgroup);
      try (AgentProcess agent = agent(HEAP, word, MANY, cgroup, 0)) {
        loads.add(agent.said("load"));
      }
    }
    NodeServices.uninstall(node, cgroup);
    double one = loaded(kind, 1, 0, cgroup, clients, rows).said("heap");
    List<Row> rates = new ArrayList<>();
    AgentProcess many = loaded(kind, MANY, quick ? 1000 : 5000, cgroup, clients, rates);
    loads.add(many.said("load"));
    rows.add(
        Row.within(
            word + ": 10,000 Services of 3 endpoints loaded, just started",
            loads.median(),
            "ms",
            kind.loadMillis()));
    NodeServices.uninstall(node, cgroup);
    AgentProcess most = loaded(kind, MOST, 0, cgroup, clients, rates);
    rows.add(
        Row.within(
            word + ": 45,000 Services loaded, just started", most.said("load"), "ms", MOST_MILLIS));
    changes(word, "10,000 Services", many);
    rows.addAll(rates);
    memory(word, "1 Service", one, 256);
    memory(word, "10,000 Services", many.said("heap"), 256);
    memory(word, "45,000 Services", most.said("heap"), LARGE_HEAP_MEBIBYTES);
    NodeServices.uninstall(node, cgroup);
  }

  private static AgentProcess loaded(
      Kind kind, int count, int changes, Path cgroup, Clients clients, List<Row> rows)
      throws Exception {
    try (AgentProcess agent =
        agent(count == MOST ? LARGE_HEAP : HEAP, kind.word(), count, cgroup, changes)) {
      rows.add(clients.measure(count));
      return agent;
    }
  }

  private static AgentProcess agent(
      String heap, String datapath, int count, Path cgroup, int changes) throws IOException {
    return AgentProcess.start(
        heap, datapath, String.valueOf(count), cgroup.toString(), String.valueOf(changes));
  }

  private void changes(String datapath, String of, AgentProcess agent) {
    rows.add(
        Row.within(
            datapath + ": one endpoint of " + of + " changed, until in the kernel",
            agent.said("change-median"),
            "ms",
            CHANGE_MILLIS));
    rows.add(
        Row.within(
            datapath + ": the same, 99 % of them", agent.said("change-99"), "ms", CHANGE_MILLIS));
    if (!datapath.equals("iptables")) {
      rows.add(
          Row.within(
              datapath + ": the kernel's part of it",
              agent.said("change-kernel"),
              "ms",
              KERNEL_MILLIS));
    }
  }

  private void memory(String datapath, String of, double mebibytes, double limit) {
    rows.add(
        Row.within(
            datapath + ": the agent's heap with " + of + ", their objects included",
            mebibytes,
            "MiB",
            limit));
  }

  /// The agent against the program alone, with the text that describes what the agent loaded.
  private void iptables(NetworkNamespace node, Path cgroup, int count) throws Exception {
    String services = String.format(Locale.ROOT, "%,d Services", count);
    double load;
    try (AgentProcess agent = agent(HEAP, "iptables", count, cgroup, count == MANY ? 20 : 40)) {
      load = agent.said("load");
      changes("iptables", services, agent);
    }
    String text = output(new ProcessBuilder("iptables-save"));
    NodeServices.uninstall(node, cgroup);
    Path file = Files.createTempFile("fairway-bench", ".rules");
    try {
      Files.writeString(file, text);
      long start = System.nanoTime();
      output(new ProcessBuilder("iptables-restore").redirectInput(file.toFile()));
      double alone = (System.nanoTime() - start) / 1e6;
      rows.add(
          new Row(
              "iptables: " + services + " of 3 endpoints loaded, just started",
              load,
              "ms",
              "`iptables-restore` alone",
              alone,
              load / alone,
              1.2,
              Row.Better.SMALLER));
    } finally {
      Files.delete(file);
    }
    // What was restored is as the agent's.
    if (new Iptables(node, IpFamily.IPV4).list().chains().isEmpty()) {
      throw new IOException("iptables-restore did nothing");
    }
    NodeServices.uninstall(node, cgroup);
  }

  /// Those who connect.
  private record Clients(
      NetworkNamespace client, Path program, Path cgroup, Kind kind, boolean quick) {
    /// Through the last of so many Services.
    Row measure(int count) throws IOException, InterruptedException {
      double seconds = quick ? 0.12 : 1;
      String address = ServicesSample.clusterAddress(count - 1).toString();
      Samples direct = new Samples();
      Samples service = new Samples();
      Samples ratio = new Samples();
      for (int round = 0; round < (quick ? 10 : 22); round++) {
        double pod = rate(ServicesSample.SERVER.toString(), ServicesSample.TARGET_PORT, seconds);
        double cluster = rate(address, ServicesSample.PORT, seconds);
        if (round > 0) {
          direct.add(pod);
          service.add(cluster);
          ratio.add(cluster / pod);
        }
      }
      return new Row(
          kind.word()
              + ": new connections through the last of "
              + String.format(Locale.ROOT, "%,d", count)
              + " Services",
          service.median(),
          "1/s",
          "the pod directly",
          direct.median(),
          // Pair by pair, so that a machine that gets slower meanwhile does not count.
          ratio.median(),
          kind.rate(),
          Row.Better.LARGER);
    }

    private double rate(String address, int port, double seconds)
        throws IOException, InterruptedException {
      Process process =
          client.start(
              new ProcessBuilder(
                      "sh",
                      "-c",
                      "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"",
                      cgroup.toString(),
                      program.toString(),
                      "client",
                      address,
                      String.valueOf(port),
                      String.valueOf(seconds))
                  .redirectErrorStream(true));
      return Double.parseDouble(output(process).strip());
    }
  }

  private static String output(ProcessBuilder builder) throws IOException, InterruptedException {
    return output(builder.redirectErrorStream(true).start());
  }

  private static String output(Process process) throws IOException, InterruptedException {
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    if (process.waitFor() != 0) {
      throw new IOException(process.info().command().orElse("a program") + ": " + said.strip());
    }
    return said;
  }

  private static Process serve(NetworkNamespace server, Path program) throws IOException {
    Process process =
        server.start(
            new ProcessBuilder(
                    program.toString(), "server", String.valueOf(ServicesSample.TARGET_PORT))
                .redirectErrorStream(true));
    BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    String line = output.readLine();
    if (!"ready".equals(line)) {
      throw new IOException("connect-rate server: " + line);
    }
    return process;
  }
}
