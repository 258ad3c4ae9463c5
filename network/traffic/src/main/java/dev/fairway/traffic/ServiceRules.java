// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import java.util.Map;
import java.util.Set;

/// What one Service asks of a node, before it is known whether another Service wants the same
/// front.
///
/// @param targets where each front with endpoints leads
/// @param addresses its cluster addresses: what no front serves there is refused
/// @param localEndpoints endpoints on this node, which may connect to themselves through it
record ServiceRules(
    Map<Front, Target> targets, Set<IpAddress> addresses, Set<IpAddress> localEndpoints) {
  static final ServiceRules NONE = new ServiceRules(Map.of(), Set.of(), Set.of());

  ServiceRules {
    targets = Map.copyOf(targets);
    addresses = Set.copyOf(addresses);
    localEndpoints = Set.copyOf(localEndpoints);
  }
}
