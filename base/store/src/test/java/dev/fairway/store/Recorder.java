// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// A listener that keeps what it is given, and lets a test wait for it.
final class Recorder implements Listener {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<Event> events = new ArrayList<>();
  private @Nullable StoreException cause;
  private boolean ended;

  @Override
  public void events(List<Event> more) {
    change(() -> events.addAll(more));
  }

  @Override
  public void ended(@Nullable StoreException why) {
    change(() -> {
      ended = true;
      cause = why;
    });
  }

  private void change(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  List<Event> awaitEvents(int count) throws InterruptedException {
    await(() -> events.size() >= count);
    lock.lock();
    try {
      assertThat(events).hasSize(count);
      return List.copyOf(events);
    } finally {
      lock.unlock();
    }
  }

  @Nullable StoreException awaitEnd() throws InterruptedException {
    await(() -> ended);
    return cause;
  }

  private void await(BooleanSupplier condition) throws InterruptedException {
    lock.lock();
    try {
      long nanos = PATIENCE.toNanos();
      while (!condition.getAsBoolean()) {
        assertThat(nanos).as("still waiting, have %s", events).isPositive();
        nanos = changed.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }
}
