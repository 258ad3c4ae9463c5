// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// A [ServicesAgent] that has loaded, and what it said.
record AgentProcess(Process process, Map<String, Double> said) implements AutoCloseable {
  /// Starts one and waits until it has done everything.
  ///
  /// @param heap what a local cluster's node has is `256m`
  /// @param arguments as [ServicesAgent#main] takes them
  static AgentProcess start(String heap, String... arguments) throws IOException {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // As a cluster's processes are started.
    words.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx" + heap,
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"));
    List<Path> parts =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(Path::of)
            .toList();
    // The cache of loaded classes belongs to the class path of a node's process, which comes first.
    List<Path> library =
        parts.stream()
            .filter(part -> part.toString().endsWith(".jar"))
            .filter(part -> !part.getFileName().toString().startsWith("bc"))
            .sorted()
            .toList();
    if (!library.isEmpty()) {
      Path cache = library.getFirst().getParent().resolveSibling("aot").resolve("node.aot");
      if (Files.exists(cache)) {
        words.add("-XX:AOTCache=" + cache);
      }
    }
    List<Path> classes = parts.stream().filter(part -> !part.toString().endsWith(".jar")).toList();
    words.add("-cp");
    words.add(
        Stream.concat(library.stream(), classes.stream())
            .map(Path::toString)
            .collect(Collectors.joining(File.pathSeparator)));
    words.add(ServicesAgent.class.getName());
    words.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    Map<String, Double> said = new HashMap<>();
    BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    for (String line = output.readLine(); !"ready".equals(line); line = output.readLine()) {
      if (line == null) {
        throw new IOException("the agent " + List.of(arguments) + " ended");
      }
      String[] pair = line.split(" ", 2);
      said.put(pair[0], Double.valueOf(pair[1]));
    }
    return new AgentProcess(process, said);
  }

  double said(String what) {
    return said.get(what);
  }

  /// The rules stay.
  @Override
  public void close() throws IOException, InterruptedException {
    process.getOutputStream().close();
    process.waitFor();
  }
}
