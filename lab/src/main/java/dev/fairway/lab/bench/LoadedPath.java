// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A way between two namespaces, with servers at its end, that can be loaded in several ways.
final class LoadedPath implements AutoCloseable {
  private static final int LOAD_PORT = 5001;
  private static final int CONNECT_PORT = 5002;

  /// The programs that load.
  record Programs(NativeProgram netLoad, NativeProgram connectRate) implements AutoCloseable {
    static Programs extract() throws IOException {
      return new Programs(NativeProgram.extract("net-load"), NativeProgram.extract("connect-rate"));
    }

    @Override
    public void close() throws IOException {
      netLoad.close();
      connectRate.close();
    }
  }

  private final Programs programs;
  private final NetworkNamespace client;
  private final String address;
  private final List<Process> servers = new ArrayList<>();

  LoadedPath(Programs programs, NetworkNamespace client, NetworkNamespace server, String address)
      throws IOException {
    this.programs = programs;
    this.client = client;
    this.address = address;
    serve(server, programs.netLoad().file().toString(), LOAD_PORT);
    serve(server, programs.connectRate().file().toString(), CONNECT_PORT);
  }

  private void serve(NetworkNamespace at, String program, int port) throws IOException {
    Process process =
        at.start(
            new ProcessBuilder(program, "server", String.valueOf(port)).redirectErrorStream(true));
    servers.add(process);
    BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    String line = output.readLine();
    if (!"ready".equals(line)) {
      throw new IOException(program + " server: " + line);
    }
  }

  /// Gbit/s received.
  double throughput(int streams, double seconds) throws IOException, InterruptedException {
    return run(
        programs.netLoad(),
        "throughput",
        address,
        String.valueOf(LOAD_PORT),
        String.valueOf(streams),
        String.valueOf(seconds));
  }

  /// Round trips of one byte a second.
  double roundTrips(double seconds) throws IOException, InterruptedException {
    return run(
        programs.netLoad(),
        "round-trips",
        address,
        String.valueOf(LOAD_PORT),
        String.valueOf(seconds));
  }

  /// Connections opened and closed a second.
  double connections(double seconds) throws IOException, InterruptedException {
    return run(
        programs.connectRate(),
        "client",
        address,
        String.valueOf(CONNECT_PORT),
        String.valueOf(seconds));
  }

  private double run(NativeProgram program, String... words)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(program.file().toString());
    command.addAll(List.of(words));
    Process process = client.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", words) + ": " + output);
    }
    return Double.parseDouble(output);
  }

  @Override
  public void close() {
    servers.forEach(Process::destroyForcibly);
  }
}
