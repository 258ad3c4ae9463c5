// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

/// So many a second, and up to a second's worth at once. Not for several threads at a time.
final class Allowance {
  private final int perSecond;
  private double left;
  private long last;

  Allowance(int perSecond, long now) {
    this.perSecond = perSecond;
    left = perSecond;
    last = now;
  }

  boolean take(long now) {
    left = Math.min(perSecond, left + (now - last) * 1e-9 * perSecond);
    last = now;
    if (left < 1) {
      return false;
    }
    left--;
    return true;
  }
}
