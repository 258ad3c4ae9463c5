// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import java.time.Duration;

/// How closely a peer is watched. Why the default is as it is: see the package.
///
/// @param transmit how often to send while up, 10 ms to 60 s; less often if the peer cannot receive
///   so much
/// @param receive how often the peer may send, 10 ms to 60 s
/// @param multiplier how many of our intervals of silence should mean our death, 2 to 255
public record BfdTimes(Duration transmit, Duration receive, int multiplier) {
  private static final Duration SHORTEST = Duration.ofMillis(10);
  private static final Duration LONGEST = Duration.ofSeconds(60);

  public static final BfdTimes DEFAULT =
      new BfdTimes(Duration.ofMillis(50), Duration.ofMillis(50), 5);

  public BfdTimes {
    require(transmit, "transmit");
    require(receive, "receive");
    if (multiplier < 2 || multiplier > 255) {
      throw new IllegalArgumentException("BFD multiplier " + multiplier + " is not from 2 to 255");
    }
  }

  private static void require(Duration interval, String name) {
    if (interval.compareTo(SHORTEST) < 0 || interval.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "BFD " + name + " interval " + interval.toMillis() + " ms is not from 10 ms to 60 s");
    }
  }

  static long micros(Duration interval) {
    return interval.toNanos() / 1000;
  }
}
