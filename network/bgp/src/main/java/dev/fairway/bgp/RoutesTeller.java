// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells the listener, on a thread of its own, what has changed since it was told last.
final class RoutesTeller implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RoutesTeller.class);
  private static final long RETRY_MILLIS = 1000;

  private final RoutesListener listener;
  private final Runnable tellAll;
  private final Thread thread;
  private Map<Prefix, Optional<BestRoute>> pending = new LinkedHashMap<>();
  private boolean full;
  private boolean settled;
  private boolean due;
  private boolean ended;

  /// @param tellAll makes somebody call [#all] soon
  RoutesTeller(RoutesListener listener, Runnable tellAll) {
    this.listener = listener;
    this.tellAll = tellAll;
    thread = Thread.ofPlatform().name("bgp-routes").daemon(true).start(this::run);
  }

  synchronized void changed(Prefix prefix, Optional<BestRoute> best) {
    pending.put(prefix, best);
    due = true;
    notifyAll();
  }

  /// All there is; what was to be told before is in it.
  synchronized void all(List<BestRoute> routes, boolean nowSettled) {
    pending = new LinkedHashMap<>();
    for (BestRoute route : routes) {
      pending.put(route.prefix(), Optional.of(route));
    }
    full = true;
    settled = nowSettled;
    due = true;
    notifyAll();
  }

  private void run() {
    try {
      RoutesDelta delta;
      while ((delta = next()) != null) {
        try {
          listener.changed(delta);
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) {
          LOG.warn("BGP: routes could not be handed over, all of them again in a second", e);
          pause();
          tellAll.run();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void pause() throws InterruptedException {
    long end = System.nanoTime() + RETRY_MILLIS * 1_000_000;
    while (!ended && end - System.nanoTime() > 0) {
      wait(Math.max(1, (end - System.nanoTime()) / 1_000_000));
    }
  }

  private @org.jspecify.annotations.Nullable RoutesDelta next() throws InterruptedException {
    Map<Prefix, Optional<BestRoute>> taken;
    boolean isFull;
    boolean isSettled;
    synchronized (this) {
      while (!due && !ended) {
        wait();
      }
      if (ended) {
        return null;
      }
      taken = pending;
      pending = new LinkedHashMap<>();
      isFull = full;
      isSettled = settled;
      full = false;
      due = false;
    }
    List<BestRoute> best = new ArrayList<>(taken.size());
    List<Prefix> gone = new ArrayList<>();
    taken.forEach((prefix, route) -> route.ifPresentOrElse(best::add, () -> gone.add(prefix)));
    return new RoutesDelta(best, gone, isFull, isSettled);
  }

  /// Ends after the call that is under way, without telling the rest.
  @Override
  public void close() {
    synchronized (this) {
      ended = true;
      notifyAll();
    }
    if (Thread.currentThread() != thread) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
