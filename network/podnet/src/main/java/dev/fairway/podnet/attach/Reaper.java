// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Deletes the links that were put into the dying group, all at once, on its own thread.
///
/// While it deletes, the kernel lets nobody else change a link, for 20 ms and more. So it waits
/// until no pod comes or goes, but not for ever; by then most links have ended with their sandbox.
///
/// The group is in the kernel, so what an agent left when it ended is found by the next one.
final class Reaper implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Reaper.class);

  /// Far from 0, the default group, and from the small numbers that people give by hand.
  static final int DYING_GROUP = 0x0f_a1_e0;

  private static final Duration QUIET = Duration.ofMillis(100);
  private static final Duration AT_MOST = Duration.ofSeconds(1);

  private final RouteNetlink netlink;
  private final Semaphore work = new Semaphore(1); // what the last agent left
  private final Thread thread;
  private volatile long disturbed = System.nanoTime() - QUIET.toNanos();
  private volatile boolean closed;

  Reaper(NetworkNamespace machine) {
    netlink = RouteNetlink.open(machine);
    thread = Thread.ofPlatform().name("link-reaper").daemon(true).start(this::run);
  }

  /// There are links in the group.
  void wake() {
    disturbed();
    work.release();
  }

  /// Somebody changes links.
  void disturbed() {
    disturbed = System.nanoTime();
  }

  /// Deletes them now and waits until they are gone.
  static void reap(RouteNetlink netlink) {
    netlink.apply(new RouteRequest.DeleteLinkGroup(DYING_GROUP));
  }

  private void run() {
    while (true) {
      work.acquireUninterruptibly();
      awaitQuiet();
      work.drainPermits();
      if (closed) {
        return;
      }
      try {
        reap(netlink);
      } catch (KernelException e) {
        LOG.warn("Links of ended pods stay for now: {}", e.getMessage());
      }
    }
  }

  private void awaitQuiet() {
    long deadline = System.nanoTime() + AT_MOST.toNanos();
    while (!closed) {
      long now = System.nanoTime();
      long left = Math.min(disturbed + QUIET.toNanos(), deadline) - now;
      if (left <= 0) {
        return;
      }
      LockSupport.parkNanos(left);
    }
  }

  @Override
  public void close() {
    closed = true;
    work.release();
    LockSupport.unpark(thread);
    try {
      thread.join(1000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    netlink.close();
  }
}
