// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Runs other people's programs to their end: those that a specification tells us to start.
public final class Programs {
  private static final int OUTPUT_LIMIT = 1 << 20;

  private Programs() {}

  /// How a program ended.
  ///
  /// @param output what it printed, at most a megabyte of it
  /// @param complaint what it printed to stderr, likewise
  public record Outcome(int exitCode, byte[] output, byte[] complaint) {}

  /// Runs a program in a network namespace and waits for it.
  ///
  /// @param environment all that the program is to see
  /// @param limit after which it is killed
  /// @throws IOException if it cannot be started, or did not end in time
  public static Outcome run(
      NetworkNamespace namespace,
      Path program,
      Map<String, String> environment,
      byte[] input,
      Duration limit)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(program.toString());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process;
    try (NetworkNamespace own = NetworkNamespace.current()) {
      if (own.equals(namespace)) {
        process = builder.start();
      } else {
        builder.environment().putIfAbsent("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"); // of nsenter
        process = namespace.start(builder);
      }
    }
    try {
      Thread writer = Thread.ofVirtual().start(() -> write(process, input));
      ByteArrayOutputStream complaint = new ByteArrayOutputStream();
      Thread listener = Thread.ofVirtual().start(() -> copy(process.getErrorStream(), complaint));
      ByteArrayOutputStream output = new ByteArrayOutputStream();
      Thread reader = Thread.ofVirtual().start(() -> copy(process.getInputStream(), output));
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException(program + " did not end within " + limit.toSeconds() + " s");
      }
      reader.join(limit);
      listener.join(limit);
      writer.join(limit);
      return new Outcome(process.exitValue(), output.toByteArray(), complaint.toByteArray());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(program + " was not waited for", e);
    } finally {
      process.destroyForcibly();
    }
  }

  private static void write(Process process, byte[] input) {
    try (OutputStream to = process.getOutputStream()) {
      to.write(input);
    } catch (IOException e) {
      // It need not read all of it.
    }
  }

  private static void copy(InputStream from, ByteArrayOutputStream to) {
    byte[] part = new byte[8192];
    try {
      for (int got = from.read(part); got >= 0; got = from.read(part)) {
        to.write(part, 0, Math.min(got, OUTPUT_LIMIT - to.size()));
      }
    } catch (IOException e) {
      // It was killed; what it said until then is all there is.
    }
  }
}
