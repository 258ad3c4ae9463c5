// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A DNS server in a process of its own on the first core, with what it costs; who loads it is on
/// the second.
final class MeasuredServer implements AutoCloseable {
  private static final int PORT = 53;
  private static final Path NSD = Path.of("/usr/sbin/nsd");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /// What one load came to.
  ///
  /// @param answersPerSecond as the load's sender counted
  /// @param cpuMicros of the server's processes, a query
  /// @param p99Micros of the round trips
  record Loaded(double answersPerSecond, double cpuMicros, double p99Micros) {
    /// How many queries a core answers that does nothing else.
    double perCpuSecond() {
      return 1e6 / cpuMicros;
    }
  }

  private final String address;
  private final Process process;
  private final long bytes;

  private MeasuredServer(String address, Process process, long bytes) {
    this.address = address;
    this.process = process;
    this.bytes = bytes;
  }

  /// Our server, with names of that many Services.
  static MeasuredServer fairway(String address, int services) throws IOException {
    String java = ProcessHandle.current().info().command().orElse("java");
    List<String> command =
        List.of(
            java,
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            services > DnsBench.SERVICES ? "-Xmx1g" : "-Xmx128m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            System.getProperty("java.class.path"),
            NameServer.class.getName(),
            address,
            String.valueOf(services));
    return start(address, command);
  }

  static MeasuredServer echo(String address, NativeProgram program) throws IOException {
    return start(address, List.of(program.file().toString(), address, String.valueOf(PORT)));
  }

  /// NSD with the same names, null if it is not installed.
  static @Nullable MeasuredServer nsd(String address, Path directory, int services)
      throws IOException, InterruptedException {
    if (!Files.isExecutable(NSD)) {
      return null;
    }
    StringBuilder zone = new StringBuilder("$ORIGIN cluster.local.\n$TTL 5\n");
    zone.append("@ SOA ns.dns hostmaster 1 7200 1800 86400 5\n@ NS ns.dns\nns.dns A 10.32.0.10\n");
    for (int i = 0; i < services; i++) {
      zone.append("service-").append(i).append(".bench.svc A ").append(NameServer.address(i));
      zone.append('\n');
    }
    Path zoneFile = Files.writeString(directory.resolve("cluster.local.zone"), zone);
    Path config =
        Files.writeString(
            directory.resolve("nsd.conf"),
            """
            server:
              ip-address: %s
              server-count: 1
              username: ""
              chroot: ""
              database: ""
              zonesdir: "%2$s"
              zonelistfile: "%2$s/zone.list"
              xfrdfile: "%2$s/xfrd.state"
              xfrdir: "%2$s"
              pidfile: ""
              rrl-ratelimit: 0
            remote-control:
              control-enable: no
            zone:
              name: cluster.local
              zonefile: %3$s
            """
                .formatted(address, directory, zoneFile));
    List<String> command = onFirstCore(List.of(NSD.toString(), "-d", "-c", config.toString()));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("nsd.log").toFile())
            .start();
    MeasuredServer server = new MeasuredServer(address, process, 0);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!NameClient.knows(address, "service-0.bench.svc.cluster.local")) {
      if (System.nanoTime() > deadline || !process.isAlive()) {
        server.close();
        throw new IOException("NSD: " + Files.readString(directory.resolve("nsd.log")));
      }
      Thread.sleep(20);
    }
    return server;
  }

  private static List<String> onFirstCore(List<String> command) {
    List<String> whole = new ArrayList<>(List.of("taskset", "--cpu-list", "0"));
    whole.addAll(command);
    return whole;
  }

  /// Starts a program that says `ready`, and perhaps a number of octets behind it.
  private static MeasuredServer start(String address, List<String> command) throws IOException {
    Process process =
        new ProcessBuilder(onFirstCore(command))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String line =
        new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))
            .readLine();
    if (line == null || !line.startsWith("ready")) {
      process.destroyForcibly();
      throw new IOException(command.getFirst() + " said " + line);
    }
    String[] words = line.split(" ");
    return new MeasuredServer(address, process, words.length > 1 ? Long.parseLong(words[1]) : 0);
  }

  /// From now on other programs of the machine wait for it, and do not count as its slowness. To be
  /// called when the JVM has compiled what is hot.
  void undisturbed() throws IOException, InterruptedException {
    List<Long> pids = new ArrayList<>(List.of(process.pid()));
    process.descendants().forEach(child -> pids.add(child.pid()));
    for (long pid : pids) {
      Process chrt =
          new ProcessBuilder("chrt", "--all-tasks", "--rr", "--pid", "1", String.valueOf(pid))
              .inheritIO()
              .start();
      if (chrt.waitFor() != 0) {
        throw new IOException("chrt could not set the priority of " + pid);
      }
    }
  }

  /// The memory its names take.
  double bytes() {
    return bytes;
  }

  /// Asks for names of that many Services.
  ///
  /// @param atOnce how many questions are under way
  /// @param rate questions a second, 0 for as many as are answered
  Loaded load(NativeProgram program, int services, int atOnce, double seconds, int rate)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.addAll(List.of("chrt", "--rr", "1", "taskset", "--cpu-list", "1"));
    command.addAll(List.of(program.file().toString(), address));
    command.addAll(List.of(String.valueOf(PORT), String.valueOf(services)));
    command.addAll(List.of(String.valueOf(atOnce), String.valueOf(seconds)));
    if (rate > 0) {
      command.add(String.valueOf(rate));
    }
    long before = cpuNanos();
    Process sender = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said =
        new String(sender.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    if (sender.waitFor() != 0) {
      throw new IOException("dns-load: " + said);
    }
    long cpu = cpuNanos() - before;
    String[] words = said.split(" ");
    double answers = Double.parseDouble(words[0]);
    if (answers == 0 || !words[4].equals("0")) {
      throw new IOException("the server at " + address + " gave wrong answers: " + said);
    }
    return new Loaded(answers, cpu / 1000.0 / (answers * seconds), Double.parseDouble(words[2]));
  }

  /// What the process and those that it started have used.
  private long cpuNanos() throws IOException {
    long sum = ofProcess(process.pid());
    for (ProcessHandle child : process.descendants().toList()) {
      sum += ofProcess(child.pid());
    }
    return sum;
  }

  private static long ofProcess(long pid) throws IOException {
    long sum = 0;
    try (Stream<Path> threads = Files.list(Path.of("/proc", String.valueOf(pid), "task"))) {
      for (Path thread : threads.toList()) {
        try {
          sum += Long.parseLong(Files.readString(thread.resolve("schedstat")).split(" ", 2)[0]);
        } catch (NoSuchFileException e) {
          // It has ended.
        }
      }
    }
    return sum;
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
