// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.time.Duration;

/// How long what upstreams said is kept.
///
/// @param answers how many at most
/// @param mostPositive no answer is kept for longer
/// @param mostNegative no "there is none" is kept for longer (RFC 2308)
/// @param prefetchHits after how many uses an answer is fetched anew in the last tenth of its life;
///   0 for never
/// @param stale for how long after its end an answer is given when the upstreams fail or take
///   longer than 1.8 s (RFC 8767); zero for not at all
/// @param staleFirst whether a stale answer is given at once and fetched anew behind the scenes,
///   instead of only when the upstreams fail
public record Caching(
    int answers,
    Duration mostPositive,
    Duration mostNegative,
    int prefetchHits,
    Duration stale,
    boolean staleFirst) {
  public Caching {
    if (answers < 0 || prefetchHits < 0) {
      throw new IllegalArgumentException("DNS: a bound of the cache is negative");
    }
    if (mostPositive.isNegative() || mostNegative.isNegative() || stale.isNegative()) {
      throw new IllegalArgumentException("DNS: a time of the cache is negative");
    }
  }

  /// 10,000 answers for at most an hour, 5 minutes if negative, prefetched from the tenth use on,
  /// stale for an hour when upstreams fail.
  public static Caching usual() {
    return new Caching(
        10_000, Duration.ofHours(1), Duration.ofMinutes(5), 10, Duration.ofHours(1), false);
  }

  /// Nothing is kept.
  public static Caching none() {
    return new Caching(0, Duration.ZERO, Duration.ZERO, 0, Duration.ZERO, false);
  }
}
