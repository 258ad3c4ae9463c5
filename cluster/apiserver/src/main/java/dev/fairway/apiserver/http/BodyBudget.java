// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import java.util.concurrent.atomic.AtomicLong;

/// Bounds the request bodies that are held at a time, by each connection and by the whole server.
final class BodyBudget {
  private static final long SERVER_BYTES = 64 << 20;
  private static final long CONNECTION_BYTES = 8 << 20;

  private final AtomicLong held = new AtomicLong();

  Share share() {
    return new Share(this);
  }

  /// One connection's part, for its event loop only.
  static final class Share {
    private final BodyBudget budget;
    private long held;

    private Share(BodyBudget budget) {
      this.budget = budget;
    }

    /// False if there is no room for so many bytes more.
    boolean take(int bytes) {
      if (held + bytes > CONNECTION_BYTES) {
        return false;
      }
      if (budget.held.addAndGet(bytes) > SERVER_BYTES) {
        budget.held.addAndGet(-bytes);
        return false;
      }
      held += bytes;
      return true;
    }

    void give(int bytes) {
      held -= bytes;
      budget.held.addAndGet(-bytes);
    }
  }
}
