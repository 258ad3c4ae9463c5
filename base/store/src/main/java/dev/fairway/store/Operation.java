// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// One call that waits for the writer thread. The caller parks until the writer completes it.
final class Operation {
  /// What the caller wants done.
  sealed interface Request {
    @SuppressWarnings("ArrayRecordComponent") // passed through, never changed
    record Create(String key, byte[] value) implements Request {}

    @SuppressWarnings("ArrayRecordComponent") // passed through, never changed
    record Update(String key, byte[] value, long expectedModRevision) implements Request {}

    record Delete(String key, long expectedModRevision) implements Request {}

    record Compact(long revision) implements Request {}
  }

  private final Request request;
  private final Thread caller = Thread.currentThread();
  private long revision;
  private @Nullable StoreException refusal;
  private volatile boolean done;

  Operation(Request request) {
    this.request = request;
  }

  Request request() {
    return request;
  }

  /// What the writer found, not yet told to the caller: it holds only once the batch is durable.
  void decide(long revision) {
    this.revision = revision;
  }

  void refuse(StoreException refusal) {
    this.refusal = refusal;
  }

  void complete() {
    done = true;
    LockSupport.unpark(caller);
  }

  /// Waits for the writer. An interrupt does not end the wait, for the outcome would be unknown; it
  /// is kept for the caller.
  long await() {
    boolean interrupted = false;
    while (!done) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (refusal != null) {
      // Filled in here so that the trace shows who asked.
      refusal.fillInStackTrace();
      throw refusal;
    }
    return revision;
  }
}
