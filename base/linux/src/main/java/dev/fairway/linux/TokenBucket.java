// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// A limit of what leaves a link (tc-tbf(8)): packets wait for tokens, and are dropped where too
/// many wait.
///
/// @param rate bytes a second
/// @param burst bytes that may pass at once after a rest
/// @param limit bytes that may wait
public record TokenBucket(long rate, int burst, int limit) {
  public TokenBucket {
    if (rate < 1 || burst < 1 || limit < 1) {
      throw new IllegalArgumentException("rate, burst and limit of a token bucket are from 1");
    }
  }
}
