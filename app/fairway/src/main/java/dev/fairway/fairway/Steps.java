// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import java.io.PrintStream;
import java.time.Duration;

/// Prints what is being done, one line a step with its time.
final class Steps {
  private static final int TEXT_WIDTH = 62;

  private final PrintStream out;

  Steps(PrintStream out) {
    this.out = out;
  }

  /// Something that may fail.
  @FunctionalInterface
  interface Work {
    void run() throws InterruptedException;
  }

  void step(String text, Work work) throws InterruptedException {
    long from = System.nanoTime();
    work.run();
    done(text, Duration.ofNanos(System.nanoTime() - from));
  }

  synchronized void done(String text, Duration took) {
    out.println(text + " ".repeat(Math.max(1, TEXT_WIDTH - text.length())) + seconds(took));
    out.flush();
  }

  void say(String line) {
    out.println(line);
  }

  static String seconds(Duration took) {
    String tenths = took.toMillis() / 1000 + "." + took.toMillis() / 100 % 10 + " s";
    return " ".repeat(Math.max(0, 7 - tenths.length())) + tenths;
  }
}
