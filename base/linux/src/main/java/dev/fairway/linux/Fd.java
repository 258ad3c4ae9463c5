// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import java.util.concurrent.atomic.AtomicBoolean;

/// A file descriptor that somebody owns. It is closed exactly once, by [#close]; a closed one is
/// never used again, because its number may belong to another file by then.
public final class Fd implements AutoCloseable {
  private final int number;
  private final AtomicBoolean closed = new AtomicBoolean();

  Fd(int number) {
    this.number = number;
  }

  /// The number for a system call or for `/proc/self/fd`.
  ///
  /// @throws IllegalStateException if it is closed
  public int number() {
    if (closed.get()) {
      throw new IllegalStateException("file descriptor " + number + " is closed");
    }
    return number;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      Native.close(number);
    }
  }

  @Override
  public String toString() {
    return "fd " + number + (closed.get() ? " (closed)" : "");
  }
}
