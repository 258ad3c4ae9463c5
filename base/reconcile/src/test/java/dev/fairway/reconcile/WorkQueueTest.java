// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class WorkQueueTest {
  @Test
  void neverWorksOnOneKeyTwiceAtOnceAndForgetsNoAdd() throws InterruptedException {
    Map<Integer, AtomicInteger> inside = new ConcurrentHashMap<>();
    AtomicInteger overlaps = new AtomicInteger();
    Map<Integer, Integer> wanted = new ConcurrentHashMap<>();
    Map<Integer, Integer> done = new ConcurrentHashMap<>();
    try (WorkQueue<Integer> queue =
        new WorkQueue<>(
            "test",
            4,
            key -> {
              AtomicInteger here = inside.computeIfAbsent(key, k -> new AtomicInteger());
              if (here.incrementAndGet() > 1) {
                overlaps.incrementAndGet();
              }
              done.put(key, wanted.get(key));
              Thread.onSpinWait();
              here.decrementAndGet();
            })) {
      for (int i = 0; i < 20_000; i++) {
        wanted.merge(i % 10, 1, Integer::sum);
        queue.add(i % 10);
      }
      await(() -> done.equals(wanted));
    }
    assertThat(overlaps).hasValue(0);
    assertThat(done).isEqualTo(wanted);
  }

  @Test
  void triesAgainUntilItSucceeds() throws InterruptedException {
    AtomicInteger tries = new AtomicInteger();
    CountDownLatch succeeded = new CountDownLatch(1);
    try (WorkQueue<String> queue =
        new WorkQueue<>(
            "test",
            1,
            key -> {
              if (tries.incrementAndGet() < 4) {
                throw new IllegalStateException("not yet");
              }
              succeeded.countDown();
            })) {
      queue.add("key");
      assertThat(succeeded.await(60, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(tries).hasValue(4);
  }

  @Test
  void waitsBeforeDelayedWork() throws InterruptedException {
    CountDownLatch worked = new CountDownLatch(1);
    long start = System.nanoTime();
    try (WorkQueue<String> queue = new WorkQueue<>("test", 1, key -> worked.countDown())) {
      queue.addAfter("key", Duration.ofMillis(50));
      assertThat(worked.await(60, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(50_000_000L);
  }

  @Test
  void keepsOnlyTheEarliestPlanOfAKey() throws InterruptedException {
    AtomicInteger runs = new AtomicInteger();
    CountDownLatch other = new CountDownLatch(1);
    try (WorkQueue<String> queue =
        new WorkQueue<>(
            "test",
            1,
            key -> {
              if (key.equals("other")) {
                other.countDown();
              } else {
                runs.incrementAndGet();
              }
            })) {
      for (int i = 0; i < 100; i++) {
        queue.addAfter("key", Duration.ofMillis(60 - i % 50));
      }
      queue.addAfter("other", Duration.ofMillis(150));
      assertThat(other.await(60, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(runs).hasValue(1);
  }

  private static void await(java.util.function.BooleanSupplier condition)
      throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!condition.getAsBoolean() && System.nanoTime() < deadline) {
      Thread.onSpinWait();
      java.util.concurrent.locks.LockSupport.parkNanos(100_000);
    }
  }
}
