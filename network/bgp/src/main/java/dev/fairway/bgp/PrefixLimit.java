// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import java.time.Duration;
import java.util.Optional;

/// How many prefixes of one family a neighbour may tell. At one more the session is ended (RFC 4486
/// subcode 1).
///
/// @param most at least 1
/// @param restartAfter when to try again; never if absent, until the settings of the peer change
public record PrefixLimit(int most, Optional<Duration> restartAfter) {
  /// A million, which is about the whole internet, and a try again after 5 minutes.
  public static final PrefixLimit DEFAULT =
      new PrefixLimit(1_000_000, Optional.of(Duration.ofMinutes(5)));

  public PrefixLimit {
    if (most < 1) {
      throw new IllegalArgumentException("a limit of " + most + " prefixes is not at least 1");
    }
  }
}
