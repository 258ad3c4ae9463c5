// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One subscriber, the changes it has not seen yet, and the thread that brings them to it.
final class Subscription {
  private static final Logger LOG = LoggerFactory.getLogger(Subscription.class);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);

  private final String name;
  private final Subscriber subscriber;
  private final Thread thread;
  private ClusterImage image = ClusterImage.EMPTY;
  private Delta pending = new Delta(true);
  private boolean listed;
  private boolean stopped;
  private Duration pause = Duration.ZERO;

  Subscription(String name, Subscriber subscriber) {
    this.name = name;
    this.subscriber = subscriber;
    this.thread = Thread.ofPlatform().name("follow-" + name).daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /// Every followed kind has been listed once; from here on the subscriber is called.
  synchronized void listed(ClusterImage first) {
    image = first;
    pending = first.asDelta();
    listed = true;
    notifyAll();
  }

  synchronized <T extends HasMetadata> void changed(
      ClusterImage next, Class<T> kind, ObjectKey key, Change<T> change) {
    image = next;
    if (listed) {
      pending.put(kind, key, change);
      notifyAll();
    }
  }

  void stop() {
    synchronized (this) {
      stopped = true;
      notifyAll();
    }
    thread.interrupt();
  }

  private void run() {
    try {
      while (true) {
        Delta delta;
        ClusterImage seen;
        synchronized (this) {
          while (!stopped && (!listed || pending.isEmpty())) {
            wait();
          }
          if (stopped) {
            return;
          }
          delta = pending;
          seen = image;
          pending = new Delta(false);
        }
        deliver(delta, seen);
      }
    } catch (InterruptedException e) {
      LOG.debug("{} stopped following", name);
    }
  }

  private void deliver(Delta delta, ClusterImage seen) throws InterruptedException {
    try {
      subscriber.changed(delta, seen);
      pause = Duration.ZERO;
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      pause = pause.isZero() ? FIRST_PAUSE : pause.multipliedBy(2);
      if (pause.compareTo(LONGEST_PAUSE) > 0) {
        pause = LONGEST_PAUSE;
      }
      LOG.warn("{} could not follow a change and tries again in {}", name, pause, e);
      Thread.sleep(pause);
      synchronized (this) {
        pending = image.asDelta();
      }
    }
  }
}
