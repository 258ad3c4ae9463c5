// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import java.util.concurrent.FutureTask;
import java.util.function.Supplier;

/// Work that another thread does while this one does something else. Only for what an agent does
/// when it starts, where half a second counts.
public final class Beside<T> {
  private final FutureTask<T> task;
  private final Thread thread;

  private Beside(FutureTask<T> task, String name) {
    this.task = task;
    this.thread = Thread.ofPlatform().daemon(true).name(name).start(task);
  }

  /// Begins.
  ///
  /// @param name of the thread
  public static <T> Beside<T> start(String name, Supplier<T> work) {
    return new Beside<>(new FutureTask<>(work::get), name);
  }

  /// Waits for the end, also while being interrupted: what the other thread reads belongs to the
  /// caller again only then.
  ///
  /// @throws RuntimeException what the work has thrown
  public T join() {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return switch (task.state()) {
      case SUCCESS -> task.resultNow();
      case RUNNING, CANCELLED -> throw new AssertionError("nobody cancels it");
      case FAILED -> {
        switch (task.exceptionNow()) {
          case RuntimeException e -> throw e;
          case Error e -> throw e;
          case Throwable e -> throw new AssertionError("a supplier throws nothing else", e);
        }
      }
    };
  }
}
