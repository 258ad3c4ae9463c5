// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.util.Locale;

/// One figure of a benchmark beside what it is held against.
///
/// @param metric what was measured
/// @param value in `unit`
/// @param unit of both values
/// @param peer what it is compared with
/// @param peerValue the peer's figure from the same run
/// @param ratio how the two compare; what is divided by what, the goal tells
/// @param goal the ratio to reach
/// @param better whether a larger or a smaller ratio is better
record Row(
    String metric,
    double value,
    String unit,
    String peer,
    double peerValue,
    double ratio,
    double goal,
    Better better) {
  enum Better {
    LARGER(">="),
    SMALLER("<=");

    private final String sign;

    Better(String sign) {
      this.sign = sign;
    }
  }

  /// A figure that should be at least `goal` times the peer's.
  static Row atLeast(
      String metric, double value, String unit, String peer, double peerValue, double goal) {
    return new Row(metric, value, unit, peer, peerValue, value / peerValue, goal, Better.LARGER);
  }

  /// A time that the peer should need at least `goal` times as long for.
  static Row fasterBy(
      String metric, double value, String unit, String peer, double peerValue, double goal) {
    return new Row(metric, value, unit, peer, peerValue, peerValue / value, goal, Better.LARGER);
  }

  /// A figure that should not be above a limit.
  static Row within(String metric, double value, String unit, double limit) {
    return new Row(metric, value, unit, "limit", limit, value / limit, 1, Better.SMALLER);
  }

  boolean ok() {
    return better == Better.LARGER ? ratio >= goal : ratio <= goal;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s\t%.3f\t%s\t%s\t%.3f\t%.2f\t%s%.2f\t%s",
        metric,
        value,
        unit,
        peer,
        peerValue,
        ratio,
        better.sign,
        goal,
        ok() ? "ok" : "short");
  }
}
