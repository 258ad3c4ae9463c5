// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import java.time.Duration;

/// How long to wait before blocks are given back.
///
/// @param idleBlock how long a block has been empty, so that nothing meant for its last pods is
///   still under way
/// @param goneNode how long a node's object has been gone
/// @param turn what each further node waits longer than the one before it, so that one does the
///   work and the others are there if it does not
public record Patience(Duration idleBlock, Duration goneNode, Duration turn) {
  public static final Patience USUAL =
      new Patience(Duration.ofMinutes(5), Duration.ofMinutes(1), Duration.ofSeconds(10));
}
