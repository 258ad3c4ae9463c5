// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.TransportAddress;
import java.util.List;
import java.util.Locale;

/// Where the connections to a front go.
///
/// @param reach whose source addresses are kept
/// @param sticky whether a client always gets the same endpoint while the endpoints stay the same
/// @param endpoints at least one, each as likely as the others
public record Target(Reach reach, boolean sticky, List<TransportAddress> endpoints) {
  public Target {
    endpoints = List.copyOf(endpoints);
    if (endpoints.isEmpty()) {
      throw new IllegalArgumentException("a target has endpoints; one without is no target");
    }
  }

  /// Whose source addresses are kept.
  public enum Reach {
    /// Those of pods. Others come from the node.
    CLUSTER,
    /// Nobody's: an endpoint on another node would answer past this one.
    EXTERNAL,
    /// Everybody's: all endpoints are on this node.
    LOCAL
  }

  /// The chain that leads to such a target; many targets share one.
  ///
  /// @param count how many endpoints
  record Way(Reach reach, boolean sticky, int count) implements Comparable<Way> {
    String chain() {
      return reach.name().toLowerCase(Locale.ROOT) + (sticky ? "-sticky-" : "-") + count;
    }

    @Override
    public int compareTo(Way other) {
      int byReach = reach.compareTo(other.reach);
      int bySticky = Boolean.compare(sticky, other.sticky);
      return byReach != 0 ? byReach : bySticky != 0 ? bySticky : count - other.count;
    }
  }

  Way way() {
    return new Way(reach, sticky, endpoints.size());
  }

  @Override
  public String toString() {
    return reach.name().toLowerCase(Locale.ROOT)
        + (sticky ? " sticky" : "")
        + " -> "
        + String.join(", ", endpoints.stream().map(TransportAddress::toString).toList());
  }
}
