// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;

/// Other people's clients, and a loopback address of a test's own to ask at.
final class Asking {
  /// Ports that nobody serves at all addresses.
  static final int PORT = 10_053;

  static final int TLS_PORT = 10_853;

  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private Asking() {}

  static String ownAddress() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    return "127."
        + random.nextInt(64, 255)
        + "."
        + random.nextInt(255)
        + "."
        + random.nextInt(1, 255);
  }

  /// What a command prints, both streams, whatever it ends with.
  static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return said;
  }

  /// Runs it until what it prints is as wished.
  static String until(Predicate<String> wish, String... command)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      String said = run(command);
      if (wish.test(said)) {
        return said;
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError(String.join(" ", command) + " still says: " + said);
      }
    }
  }
}
