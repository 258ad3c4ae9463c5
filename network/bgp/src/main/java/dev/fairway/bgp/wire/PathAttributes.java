// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.net.IpAddress;
import java.util.List;
import java.util.Optional;

/// What is said of a route besides its prefix (RFC 4271 5).
///
/// @param origin how it came into BGP
/// @param asPath the ASes it came through
/// @param nextHop where packets go next, of either family (RFC 8950)
/// @param linkLocal the next hop's other address on a shared link (RFC 2545)
/// @param med which entry into the neighbouring AS that AS would like better: smaller
///   (MULTI_EXIT_DISC)
/// @param localPreference how much the own AS likes it: larger
/// @param atomicAggregate whether something was left out when it was aggregated
/// @param aggregator who aggregated it
/// @param communities RFC 1997
/// @param extendedCommunities RFC 4360
/// @param largeCommunities RFC 8092
/// @param originatorId who brought it into the AS, if it was reflected (RFC 4456)
/// @param clusterList the reflectors it passed, the nearest first
/// @param unknown what is only handed on
public record PathAttributes(
    Origin origin,
    AsPath asPath,
    IpAddress nextHop,
    Optional<IpAddress> linkLocal,
    Optional<Long> med,
    Optional<Long> localPreference,
    boolean atomicAggregate,
    Optional<Aggregator> aggregator,
    List<Community> communities,
    List<ExtendedCommunity> extendedCommunities,
    List<LargeCommunity> largeCommunities,
    Optional<IpAddress> originatorId,
    List<IpAddress> clusterList,
    List<UnknownAttribute> unknown) {
  /// Who aggregated a route.
  ///
  /// @param as its AS
  /// @param id its BGP identifier
  public record Aggregator(long as, IpAddress id) {}

  public PathAttributes {
    communities = List.copyOf(communities);
    extendedCommunities = List.copyOf(extendedCommunities);
    largeCommunities = List.copyOf(largeCommunities);
    clusterList = List.copyOf(clusterList);
    unknown = List.copyOf(unknown);
  }

  /// Only what must be there.
  public static PathAttributes of(Origin origin, AsPath asPath, IpAddress nextHop) {
    return new AttributesEdit(nextHop).origin(origin).asPath(asPath).done();
  }

  /// A copy to change.
  public AttributesEdit edit() {
    return new AttributesEdit(this);
  }
}
