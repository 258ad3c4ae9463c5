// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// An [ApiPeer] in a process of its own, started as a cluster's server is.
record ApiProcess(Process process, int port, long startedNanos) implements AutoCloseable {
  /// Starts one; returns when it listens.
  ///
  /// @param fast whether to use what the launcher has learnt of starting
  static ApiProcess start(boolean fast, String... arguments) throws IOException {
    List<Path> parts =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(Path::of)
            .toList();
    // The cache of loaded classes belongs to the class path of a server's process, which comes
    // first.
    List<Path> library =
        parts.stream()
            .filter(part -> part.toString().endsWith(".jar"))
            .filter(part -> !part.getFileName().toString().startsWith("bc"))
            .sorted()
            .toList();
    List<Path> classes = parts.stream().filter(part -> !part.toString().endsWith(".jar")).toList();
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-Xmx512m",
            "-Xlog:disable",
            "-Xlog:all=error:stderr",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"));
    words.addAll(List.of(System.getenv().getOrDefault("FAIRWAY_BENCH_JAVA", C1).split(" ")));
    if (fast && !library.isEmpty()) {
      Path cache = library.getFirst().getParent().resolveSibling("aot").resolve("server.aot");
      if (!Files.exists(cache)) {
        throw new IOException(cache + " is missing: start a cluster once with ./fairway up");
      }
      words.add("-XX:AOTCache=" + cache);
    }
    words.add("-cp");
    words.add(
        Stream.concat(library.stream(), classes.stream())
            .map(Path::toString)
            .collect(Collectors.joining(File.pathSeparator)));
    words.add(ApiPeer.class.getName());
    words.addAll(List.of(arguments));
    long started = System.nanoTime();
    Process process =
        new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    String port = output.readLine();
    if (port == null) {
      throw new IOException("the server " + List.of(arguments) + " ended");
    }
    return new ApiProcess(process, Integer.parseInt(port), started);
  }

  private static final String C1 = "-XX:TieredStopAtLevel=1";

  Duration cpu() {
    return process.toHandle().info().totalCpuDuration().orElseThrow();
  }

  /// Resident memory, in MiB.
  double residentMib(String field) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
      if (line.startsWith(field + ":")) {
        return Integer.parseInt(line.replaceAll("[^0-9]", "")) / 1024.0;
      }
    }
    throw new IOException("no " + field + " of the server");
  }

  @Override
  public void close() throws IOException, InterruptedException {
    process.getOutputStream().close();
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
  }
}
