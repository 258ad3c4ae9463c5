// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import java.time.Duration;

/// What is agreed with neighbours for the time of a restart (RFC 4724).
///
/// @param restarting whether this speaker has just restarted and routes of its former life are
///   still in the kernel; best routes are not told before the neighbours have told theirs
/// @param restartTime how long neighbours should wait for us, at most 4095 s; zero turns the
///   restarting half off, and only neighbours' restarts are survived
/// @param selectionDeferral after a restart, how long to wait for neighbours' routes at most
/// @param staleTime how long the routes of a restarting neighbour live at most
public record GracefulRestart(
    boolean restarting, Duration restartTime, Duration selectionDeferral, Duration staleTime) {
  private static final int LONGEST_SECONDS = 4095; // 12 bits

  /// Neighbours wait two minutes.
  public static final GracefulRestart DEFAULT =
      new GracefulRestart(
          false, Duration.ofSeconds(120), Duration.ofSeconds(60), Duration.ofSeconds(360));

  public GracefulRestart {
    if (restartTime.isNegative() || restartTime.toSeconds() > LONGEST_SECONDS) {
      throw new IllegalArgumentException(
          "restart time " + restartTime + " is not from 0 to " + LONGEST_SECONDS + " seconds");
    }
    if (selectionDeferral.isNegative() || staleTime.isNegative()) {
      throw new IllegalArgumentException("times of a graceful restart are not negative");
    }
  }

  /// The same, but as a speaker that comes back.
  public GracefulRestart asRestarting() {
    return new GracefulRestart(true, restartTime, selectionDeferral, staleTime);
  }
}
