// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What one Service asks of a node, before it is known whether another Service wants the same
/// front.
///
/// @param ports as a node balances them
/// @param targets what happens at each front
/// @param addresses its cluster addresses: what no front serves there is refused
/// @param localEndpoints endpoints on this node, which may connect to themselves through it
/// @param healthCheck where load balancers ask whether this node has endpoints
record ServiceRules(
    List<BalancedPort> ports,
    Map<Front, Target> targets,
    Set<IpAddress> addresses,
    Set<IpAddress> localEndpoints,
    Optional<HealthCheck> healthCheck) {
  static final ServiceRules NONE =
      new ServiceRules(List.of(), Map.of(), Set.of(), Set.of(), Optional.empty());

  ServiceRules {
    ports = List.copyOf(ports);
    targets = Map.copyOf(targets);
    addresses = Set.copyOf(addresses);
    localEndpoints = Set.copyOf(localEndpoints);
  }

  /// Whether some endpoint has one of these addresses.
  boolean leadsToAny(Set<IpAddress> some) {
    for (BalancedPort port : ports) {
      for (TransportAddress endpoint : port.endpoints().cluster()) {
        if (some.contains(endpoint.address())) {
          return true;
        }
      }
      for (TransportAddress endpoint : port.endpoints().local()) {
        if (some.contains(endpoint.address())) {
          return true;
        }
      }
    }
    return false;
  }

  static ServiceRules of(
      List<BalancedPort> ports,
      Set<IpAddress> addresses,
      List<IpAddress> nodePortAddresses,
      Optional<HealthCheck> healthCheck) {
    Map<Front, Target> targets = new HashMap<>();
    Set<IpAddress> local = new HashSet<>();
    for (BalancedPort port : ports) {
      port.addTo(targets, nodePortAddresses);
      port.endpoints().onNode().forEach(endpoint -> local.add(endpoint.address()));
    }
    return new ServiceRules(ports, targets, addresses, local, healthCheck);
  }
}
