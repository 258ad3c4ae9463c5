// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.Prefix;
import java.util.List;

/// A change among the best routes that neighbours told. Prefixes that this machine originates are
/// never part of it.
///
/// @param best routes that are new or changed
/// @param gone prefixes that no neighbour reaches any more
/// @param full whether `best` is the whole table: what is not in it is gone, too
/// @param settled whether the neighbours have told all they know, as far as one can tell: false
///   while a restarted speaker waits for them, and true ever after. Routes of a former life may be
///   removed from the kernel at the first settled change, which comes even if it is empty.
public record RoutesDelta(List<BestRoute> best, List<Prefix> gone, boolean full, boolean settled) {
  public RoutesDelta {
    best = List.copyOf(best);
    gone = List.copyOf(gone);
  }
}
