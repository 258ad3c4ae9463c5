// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import java.time.Duration;
import java.time.Instant;

/// A time that goes on evenly whatever becomes of the machine's clock, for "in five minutes" and
/// "for ten seconds now". Where it begins means nothing, so it must not be shown or written to the
/// cluster.
public final class SteadyTime {
  private SteadyTime() {}

  public static Instant now() {
    return Instant.EPOCH.plusNanos(System.nanoTime());
  }

  /// When something happened that a clock has told the time of, by the age it seems to have now. To
  /// be asked once and remembered: the next answer may be another.
  ///
  /// @param told what lies in the future counts as just now
  /// @param oldest what seems older is as old as this
  public static Instant of(Instant told, Duration oldest) {
    Duration age = Duration.between(told, Instant.now());
    Duration bounded = age.isNegative() ? Duration.ZERO : age.compareTo(oldest) > 0 ? oldest : age;
    return now().minus(bounded);
  }
}
