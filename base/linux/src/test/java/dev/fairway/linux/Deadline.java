// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/// Waits for a condition.
final class Deadline {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private Deadline() {}

  static void waitFor(Callable<Boolean> condition) throws Exception {
    Instant end = Instant.now().plus(LIMIT);
    while (!condition.call()) {
      if (Instant.now().isAfter(end)) {
        throw new AssertionError("the condition did not come true in " + LIMIT);
      }
      LockSupport.parkNanos(5_000_000);
    }
  }
}
