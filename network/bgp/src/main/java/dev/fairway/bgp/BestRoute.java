// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;

/// The best way to a prefix.
///
/// @param prefix what is reached
/// @param nextHops where to, at least one; several share the traffic (ECMP), the best one first. Of
///   either family (RFC 8950); a link-local one is on the link of its peer
/// @param attributes of the best path, as accepted by the import policy
/// @param external whether the best path came from another AS
/// @param stale whether it comes from a neighbour that restarts (RFC 4724)
public record BestRoute(
    Prefix prefix,
    List<NextHop> nextHops,
    PathAttributes attributes,
    boolean external,
    boolean stale) {
  public BestRoute {
    nextHops = List.copyOf(nextHops);
  }

  /// One way.
  ///
  /// @param address where packets go next
  /// @param peer the neighbour that told it
  public record NextHop(IpAddress address, IpAddress peer) {}
}
