// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// Routers as network namespaces on a bridge that is in a namespace of its own, and the programs
/// that run in them. Router N has 10.99.0.N and fd99::N.
final class TestNetwork implements AutoCloseable {
  private final NetworkNamespace fabric = NetworkNamespace.createAnonymous();
  private final List<NetworkNamespace> routers = new ArrayList<>();
  private final List<Process> processes = new ArrayList<>();
  private final Path directory;

  TestNetwork() throws IOException {
    directory = Files.createTempDirectory("fairway-bgp-test");
    try (RouteNetlink netlink = RouteNetlink.open(fabric)) {
      netlink.apply(new RouteRequest.AddBridge(LinkSpec.named("br0").withIndex(1000).withUp()));
    }
  }

  /// A new router; the handle is closed with the network.
  NetworkNamespace router(int number) {
    NetworkNamespace router = NetworkNamespace.createAnonymous();
    routers.add(router);
    int port = 1000 + number;
    try {
      router.call(() -> {
        // No duplicate address detection, or IPv6 would work only a second later.
        Files.writeString(Path.of("/proc/sys/net/ipv6/conf/default/accept_dad"), "0");
        return 0;
      });
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    try (RouteNetlink inside = RouteNetlink.open(router);
        RouteNetlink outside = RouteNetlink.open(fabric)) {
      inside.apply(
          RouteRequest.ChangeLink.of(1).setUp(),
          new RouteRequest.AddVeth(
              LinkSpec.named("eth0").withIndex(10).withUp(),
              LinkSpec.named("port" + port).withIndex(port).in(fabric)),
          new RouteRequest.PutAddress(LinkAddress.of(10, IpAddress.parse("10.99.0." + number), 24)),
          new RouteRequest.PutAddress(LinkAddress.of(10, IpAddress.parse("fd99::" + number), 64)));
      outside.apply(RouteRequest.ChangeLink.of(port).withMaster(1000).setUp());
    }
    return router;
  }

  /// Cuts a router off, or connects it again.
  void wire(int number, boolean connected) {
    RouteRequest.ChangeLink change = RouteRequest.ChangeLink.of(1000 + number);
    try (RouteNetlink outside = RouteNetlink.open(fabric)) {
      outside.apply(connected ? change.setUp() : change.setDown());
    }
  }

  Path file(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  Path directory() {
    return directory;
  }

  /// Starts a program that stays; it is ended with the network.
  Process start(NetworkNamespace router, String log, String... command) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(log).toFile());
    Process process = router.start(builder);
    processes.add(process);
    return process;
  }

  /// Runs a program and returns what it said.
  static String run(NetworkNamespace router, String... command) throws Exception {
    Process process = router.start(new ProcessBuilder(command).redirectErrorStream(true));
    String said =
        new String(
            process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    process.waitFor();
    return said;
  }

  String log(String name) throws IOException {
    Path file = directory.resolve(name);
    return Files.exists(file) ? Files.readString(file) : "";
  }

  @Override
  public void close() throws IOException {
    for (Process process : processes) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    for (Process process : processes) {
      try {
        process.waitFor(10, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    routers.forEach(NetworkNamespace::close);
    fabric.close();
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
