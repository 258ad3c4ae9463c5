// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.wire.Community;
import dev.fairway.bgp.wire.LargeCommunity;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Optional;

/// A prefix that this machine originates.
///
/// @param prefix what is reached here
/// @param communities marks for neighbours' filters (RFC 1997)
/// @param largeCommunities the same for 4-octet ASes (RFC 8092)
/// @param nextHop another way than through this machine; of either family
/// @param localPreference how much it is preferred inside the own AS, 100 if absent
public record Advertisement(
    Prefix prefix,
    List<Community> communities,
    List<LargeCommunity> largeCommunities,
    Optional<IpAddress> nextHop,
    Optional<Long> localPreference) {
  public Advertisement {
    communities = List.copyOf(communities);
    largeCommunities = List.copyOf(largeCommunities);
    localPreference.ifPresent(value -> {
      if (value < 0 || value > 0xffff_ffffL) {
        throw new IllegalArgumentException(
            "local preference " + value + " of " + prefix + " does not fit in 32 bits");
      }
    });
  }

  public static Advertisement of(Prefix prefix) {
    return new Advertisement(prefix, List.of(), List.of(), Optional.empty(), Optional.empty());
  }

  public Advertisement withCommunities(Community... marks) {
    return new Advertisement(prefix, List.of(marks), largeCommunities, nextHop, localPreference);
  }

  public Advertisement withLargeCommunities(LargeCommunity... marks) {
    return new Advertisement(prefix, communities, List.of(marks), nextHop, localPreference);
  }

  public Advertisement withNextHop(IpAddress address) {
    return new Advertisement(
        prefix, communities, largeCommunities, Optional.of(address), localPreference);
  }
}
