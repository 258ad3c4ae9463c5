// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Where the threads that use one socket wait. The kernel tells of each change once, so whoever
/// finds nothing to do waits for a change after the one it knew of when it began to look.
final class SocketWaits {
  private final long token;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long changes;
  private boolean ended;

  SocketWaits(long token) {
    this.token = token;
  }

  long token() {
    return token;
  }

  /// How many changes there were.
  long changes() {
    lock.lock();
    try {
      return changes;
    } finally {
      lock.unlock();
    }
  }

  /// Waits for a change after so many.
  ///
  /// @param nanos at most, [Long#MAX_VALUE] for ever
  /// @return false if the time passed, or the waiting ended for good
  boolean await(long known, long nanos) throws InterruptedException {
    long left = nanos;
    lock.lockInterruptibly();
    try {
      while (changes == known && !ended) {
        if (left == Long.MAX_VALUE) {
          changed.await();
        } else if (left <= 0) {
          return false;
        } else {
          left = changed.awaitNanos(left);
        }
      }
      return !ended;
    } finally {
      lock.unlock();
    }
  }

  void happened() {
    lock.lock();
    try {
      changes++;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Nobody waits from now on.
  void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
