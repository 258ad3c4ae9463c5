// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/// Waits for a condition.
final class Deadline {
  private Deadline() {}

  static void waitFor(String what, Callable<Boolean> condition) throws Exception {
    Instant end = Instant.now().plus(Duration.ofSeconds(90));
    while (!condition.call()) {
      if (Instant.now().isAfter(end)) {
        throw new AssertionError("did not come true in 90 seconds: " + what);
      }
      LockSupport.parkNanos(5_000_000);
    }
  }
}
