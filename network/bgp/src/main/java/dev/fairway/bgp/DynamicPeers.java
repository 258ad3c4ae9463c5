// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.Prefix;

/// Neighbours that are known by a range only: whoever connects from it is spoken with, up to a
/// limit, and forgotten when the session ends.
///
/// @param range where they may connect from
/// @param profile how to talk with them
/// @param limit most of them at one time, 1 to 10,000
public record DynamicPeers(Prefix range, PeerProfile profile, int limit) {
  public DynamicPeers {
    if (limit < 1 || limit > 10_000) {
      throw new IllegalArgumentException(
          "dynamic peers " + range + ": limit " + limit + " is not from 1 to 10000");
    }
    profile = profile.withPassive(true);
  }
}
