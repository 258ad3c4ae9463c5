// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.Actions.Outcome;
import dev.fairway.kubelet.Actions.Target;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.Probe;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/// The probes of one running container, each on a virtual thread of its own, until closed.
///
/// The startup probe holds the other two back. A verdict changes after as many equal outcomes in a
/// row as its threshold asks for.
final class ContainerProbes implements AutoCloseable {
  private static final Duration WAIT_FOR_STARTUP = Duration.ofMillis(100);

  private final Actions actions;
  private final Target target;
  private final Instant startedAt;
  private final Runnable changed;
  private final BiConsumer<String, String> unhealthy;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final CountDownLatch restartsOver = new CountDownLatch(1);
  private volatile boolean started;
  private volatile boolean ready;
  private volatile boolean failed;

  /// @param startedBefore verdicts that stood before this process did, so that a restart of it does
  ///   not make a ready pod unready
  /// @param unhealthy gets the kind of probe and the output of each failure
  ContainerProbes(
      Actions actions,
      Target target,
      Instant startedAt,
      boolean startedBefore,
      boolean readyBefore,
      Runnable changed,
      BiConsumer<String, String> unhealthy) {
    this.actions = actions;
    this.target = target;
    this.startedAt = startedAt;
    this.changed = changed;
    this.unhealthy = unhealthy;
    var container = target.container();
    this.started = container.getStartupProbe() == null || startedBefore;
    this.ready = container.getReadinessProbe() == null || readyBefore;
    if (!started) {
      watch("startup", container.getStartupProbe());
    }
    watch("readiness", container.getReadinessProbe());
    watch("liveness", container.getLivenessProbe());
  }

  boolean started() {
    return started;
  }

  boolean ready() {
    return started && ready;
  }

  /// The container must be restarted.
  boolean failed() {
    return failed;
  }

  /// The container is being stopped: nothing asks for its restart any more, while its readiness
  /// still tells whether it can serve to the end.
  void stopping() {
    restartsOver.countDown();
  }

  @Override
  public void close() {
    // Not by interrupt: to cut off a command that is being started can upset the runtime.
    restartsOver.countDown();
    closed.countDown();
  }

  private void watch(String kind, Probe probe) {
    if (probe != null) {
      Thread.ofVirtual()
          .name("probe-" + kind + "-" + target.container().getName())
          .start(() -> loop(kind, probe));
    }
  }

  private void loop(String kind, Probe probe) {
    Duration period = seconds(probe.getPeriodSeconds(), 10);
    int successes = threshold(probe.getSuccessThreshold(), 1);
    int failures = threshold(probe.getFailureThreshold(), 3);
    Integer delay = probe.getInitialDelaySeconds();
    boolean startup = kind.equals("startup");
    CountDownLatch end = kind.equals("readiness") ? closed : restartsOver;
    try {
      Duration wait = Duration.ofSeconds(delay == null ? 0 : delay);
      Instant began = SteadyTime.of(startedAt, wait);
      boolean over = within(end, Duration.between(SteadyTime.now(), began.plus(wait)));
      int row = 0;
      boolean last = false;
      while (!over && !(startup && started)) {
        if (!startup && !started) {
          over = within(end, WAIT_FOR_STARTUP);
          continue;
        }
        Outcome outcome = actions.probe(probe, target);
        over = end.getCount() == 0;
        if (!over) {
          row = outcome.success() == last ? row + 1 : 1;
          last = outcome.success();
          if (!last) {
            unhealthy.accept(kind, outcome.output());
          }
          if (row >= (last ? successes : failures)) {
            decide(kind, last);
          }
          // An even spread keeps a hundred pods from being probed in the same instant.
          over = within(end, period.minusMillis(ThreadLocalRandom.current().nextLong(50)));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static boolean within(CountDownLatch end, Duration time) throws InterruptedException {
    return end.await(Math.max(0, time.toMillis()), TimeUnit.MILLISECONDS);
  }

  private void decide(String kind, boolean success) {
    boolean wasReady = ready;
    boolean wasStarted = started;
    boolean hadFailed = failed;
    switch (kind) {
      case "readiness" -> ready = success;
      case "startup" -> {
        started = success;
        failed = !success;
      }
      default -> failed = !success;
    }
    if (wasReady != ready || wasStarted != started || hadFailed != failed) {
      changed.run();
    }
  }

  private static Duration seconds(Integer value, int otherwise) {
    return Duration.ofSeconds(value == null || value < 1 ? otherwise : value);
  }

  private static int threshold(Integer value, int otherwise) {
    return value == null || value < 1 ? otherwise : value;
  }
}
