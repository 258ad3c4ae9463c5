// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.assertj.core.api.Assertions;

/// Runs commands as a user types them, from the top of the checkout.
final class Shell {
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private final Map<String, String> environment;

  Shell(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
  }

  /// What a command printed, both streams, and how it ended.
  record Result(String command, int exitCode, String output) {
    /// The output of a command that must succeed.
    String good() {
      Assertions.assertThat(exitCode).as("%s%n%s", command, output).isZero();
      return output;
    }

    /// The output of a command that must fail.
    String bad() {
      Assertions.assertThat(exitCode).as("%s%n%s", command, output).isNotZero();
      return output;
    }
  }

  Result run(String command) {
    return run(command, "");
  }

  Result run(String command, String input) {
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", command)
            .directory(Repository.root().toFile())
            .redirectErrorStream(true);
    builder.environment().putAll(environment);
    try {
      Process process = builder.start();
      AtomicReference<String> output = new AtomicReference<>("");
      Thread reader = Thread.ofVirtual().start(() -> output.set(read(process.getInputStream())));
      try (var stdin = process.getOutputStream()) {
        stdin.write(input.getBytes(StandardCharsets.UTF_8));
      } catch (IOException commandDidNotRead) {
        Assertions.assertThat(input).as("input of %s", command).isNotNull();
      }
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        reader.join();
        return new Result(command, -1, output.get() + "\n(ended after " + PATIENCE + ")");
      }
      reader.join();
      return new Result(command, process.exitValue(), output.get());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Runs a command again and again until its output is as wanted; returns that output.
  String until(String command, Predicate<String> wanted) throws InterruptedException {
    long deadline = System.nanoTime() + Duration.ofMinutes(2).toNanos();
    Result last = run(command);
    while (last.exitCode() != 0 || !wanted.test(last.output())) {
      Assertions.assertThat(System.nanoTime())
          .as("%s never gave what was wanted; last: %s", command, last.output())
          .isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(100);
      last = run(command);
    }
    return last.output();
  }

  private static String read(InputStream stream) {
    try {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "(output could not be read: " + e + ")";
    }
  }
}
