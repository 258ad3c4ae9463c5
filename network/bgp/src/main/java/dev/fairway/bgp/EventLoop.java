// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One thread on which everything happens in turn, and its timers. Whoever posts much must bound it
/// himself.
final class EventLoop implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);

  private final LinkedBlockingQueue<Runnable> events = new LinkedBlockingQueue<>();
  private final PriorityQueue<Timer> timers =
      new PriorityQueue<>(Comparator.comparingLong(timer -> timer.at));
  private volatile boolean ended;

  /// Nobody looks any more for what is posted.
  private volatile boolean over;

  EventLoop(String name) {
    Thread.ofPlatform().name(name).daemon(true).start(this::run);
  }

  /// Something to happen later; only the loop's thread touches it.
  static final class Timer {
    private final long at;
    private @Nullable Runnable work;

    private Timer(long at, Runnable work) {
      this.at = at;
      this.work = work;
    }

    void cancel() {
      work = null;
    }
  }

  /// Has the loop do something, in its turn.
  ///
  /// @return false if the loop has ended and never will
  boolean post(Runnable event) {
    events.add(event);
    return !over || !events.remove(event);
  }

  /// Only on the loop's thread.
  Timer after(Duration delay, Runnable work) {
    Timer timer = new Timer(System.nanoTime() + delay.toNanos(), work);
    timers.add(timer);
    return timer;
  }

  /// Has the loop do something and waits for its result.
  ///
  /// @throws IllegalStateException if the loop has ended
  <T extends @Nullable Object> T ask(Callable<T> question) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    boolean posted =
        post(() -> {
          try {
            answer.complete(question.call());
          } catch (Exception e) {
            answer.completeExceptionally(e);
          }
        });
    if (!posted) {
      throw new IllegalStateException("the speaker is closed");
    }
    while (true) {
      try {
        return answer.get(100, TimeUnit.MILLISECONDS);
      } catch (java.util.concurrent.TimeoutException e) {
        if (ended && !answer.isDone()) {
          throw new IllegalStateException("the speaker is closed", e);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      } catch (ExecutionException e) {
        throw e.getCause() instanceof RuntimeException cause
            ? cause
            : new IllegalStateException(e.getCause());
      }
    }
  }

  private void run() {
    while (!ended) {
      try {
        Timer next = timers.peek();
        long wait = next == null ? TimeUnit.HOURS.toNanos(1) : next.at - System.nanoTime();
        Runnable event = next != null && wait <= 0 ? null : events.poll(wait, TimeUnit.NANOSECONDS);
        if (event != null) {
          event.run();
        }
        runTimers();
      } catch (InterruptedException e) {
        ended = true;
      } catch (RuntimeException e) {
        LOG.error("BGP: an event failed", e);
      }
    }
    over = true;
    // What waits may hold connections, which nobody else would close.
    for (Runnable event = events.poll(); event != null; event = events.poll()) {
      try {
        event.run();
      } catch (RuntimeException e) {
        LOG.error("BGP: an event failed at the end", e);
      }
    }
  }

  private void runTimers() {
    long now = System.nanoTime();
    while (!timers.isEmpty() && timers.peek().at - now <= 0) {
      Runnable work = timers.remove().work;
      if (work != null) {
        work.run();
      }
    }
  }

  /// Ends the loop after what is going on; from any thread.
  @Override
  public void close() {
    ended = true;
    post(() -> {});
  }
}
