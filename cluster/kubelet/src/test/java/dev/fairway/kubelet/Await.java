// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/// Waits for a condition, with an end.
final class Await {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private Await() {}

  static void until(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("waited " + LIMIT.toSeconds() + " s in vain until " + what);
      }
      Thread.sleep(20);
    }
  }
}
