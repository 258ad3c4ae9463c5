// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/// Waits for SIGTERM or SIGINT, and holds the end of the JVM back until everything is closed.
final class Termination {
  private static final Duration CLOSING = Duration.ofSeconds(5);

  private Termination() {}

  /// Returns when the process is asked to end; what the caller closes then is waited for.
  static void await() throws InterruptedException {
    await(Duration.ZERO);
  }

  /// The same for a caller that goes on for so long before it closes.
  static void await(Duration goingOn) throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    Thread main = Thread.currentThread();
    Runtime.getRuntime()
        .addShutdownHook(
            Thread.ofPlatform()
                .name("shutdown")
                .unstarted(() -> {
                  asked.countDown();
                  try {
                    main.join(CLOSING.plus(goingOn));
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                }));
    asked.await();
  }
}
