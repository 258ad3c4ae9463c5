// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// Two machines joined by one wire, `eth0` at both ends, each with an address of both families.
final class Wire implements AutoCloseable {
  static final IpAddress LEFT = IpAddress.parse("192.0.2.1");
  static final IpAddress RIGHT = IpAddress.parse("192.0.2.2");
  static final IpAddress LEFT6 = IpAddress.parse("2001:db8::1");
  static final IpAddress RIGHT6 = IpAddress.parse("2001:db8::2");

  final NetworkNamespace left = NetworkNamespace.createAnonymous();
  final NetworkNamespace right = NetworkNamespace.createAnonymous();
  private final List<Process> processes = new ArrayList<>();

  Wire() {
    try (RouteNetlink inLeft = RouteNetlink.open(left);
        RouteNetlink inRight = RouteNetlink.open(right)) {
      inLeft.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(2).withUp(),
              LinkSpec.named("eth0").withIndex(2).in(right)),
          new PutAddress(LinkAddress.of(2, LEFT, 24)),
          new PutAddress(LinkAddress.of(2, LEFT6, 64)));
      inRight.apply(
          ChangeLink.of("lo").setUp(),
          ChangeLink.of(2).setUp(),
          new PutAddress(LinkAddress.of(2, RIGHT, 24)),
          new PutAddress(LinkAddress.of(2, RIGHT6, 64)));
    }
  }

  /// Starts a daemon on the right; it is killed in the end.
  Process startRight(Path log, String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Process process = right.start(builder.redirectOutput(log.toFile()));
    processes.add(process);
    return process;
  }

  String runRight(String... command) throws Exception {
    Process process = right.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  static void waitFor(String what, Callable<Boolean> condition) throws Exception {
    Instant end = Instant.now().plus(Duration.ofSeconds(90));
    while (!condition.call()) {
      assertThat(Instant.now()).as(what).isBefore(end);
      LockSupport.parkNanos(2_000_000);
    }
  }

  static void kill(Process process) throws InterruptedException {
    process.destroyForcibly();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  @Override
  public void close() throws InterruptedException {
    for (Process process : processes) {
      kill(process);
    }
    left.close();
    right.close();
  }
}
