// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// One port of a Service in one IP family, as a node balances it.
///
/// @param clusterAddresses its cluster addresses of the family
/// @param externalIps from `spec.externalIPs`, if they are served
/// @param loadBalancerIps what a load balancer has given it and sends on with that address
/// @param sourceRanges who may use the load balancer's addresses; empty if everybody may
/// @param restricted whether only `sourceRanges` may, even if there are none of this family
/// @param affinity how long a client keeps its endpoint after its last connection
/// @param maglev whether a connection's addresses and ports choose its endpoint; not with affinity
/// @param insideLocal `internalTrafficPolicy: Local`
/// @param outsideLocal `externalTrafficPolicy: Local`
public record BalancedPort(
    ServicePortName name,
    IpFamily family,
    Protocol protocol,
    int port,
    List<IpAddress> clusterAddresses,
    List<IpAddress> externalIps,
    List<IpAddress> loadBalancerIps,
    List<Prefix> sourceRanges,
    boolean restricted,
    OptionalInt nodePort,
    Optional<Duration> affinity,
    boolean maglev,
    boolean insideLocal,
    boolean outsideLocal,
    Endpoints endpoints) {
  public BalancedPort {
    clusterAddresses = List.copyOf(clusterAddresses);
    externalIps = List.copyOf(externalIps);
    loadBalancerIps = List.copyOf(loadBalancerIps);
    sourceRanges = List.copyOf(sourceRanges);
  }

  /// Adds what happens at each of its fronts.
  ///
  /// @param nodePortAddresses where node ports are served
  void addTo(Map<Front, Target> targets, List<IpAddress> nodePortAddresses) {
    Target inside = inside();
    for (IpAddress address : clusterAddresses) {
      targets.put(new Front(address, protocol, port), inside);
    }
    if (externalIps.isEmpty() && loadBalancerIps.isEmpty() && nodePort.isEmpty()) {
      return;
    }
    Target outside = outside(List.of());
    for (IpAddress address : externalIps) {
      targets.put(new Front(address, protocol, port), outside);
    }
    Target balanced =
        restricted && sourceRanges.isEmpty() ? new Target.Dropped() : outside(sourceRanges);
    for (IpAddress address : loadBalancerIps) {
      targets.put(new Front(address, protocol, port), balanced);
    }
    if (nodePort.isPresent()) {
      for (IpAddress address : nodePortAddresses) {
        if (address.family() == family) {
          targets.put(new Front(address, protocol, nodePort.getAsInt()), outside);
        }
      }
    }
  }

  private Target inside() {
    List<TransportAddress> some = insideLocal ? endpoints.local() : endpoints.cluster();
    if (some.isEmpty()) {
      return none(insideLocal);
    }
    return new Target.Balanced(Target.Reach.CLUSTER, affinity, some, List.of(), List.of(), maglev);
  }

  private Target outside(List<Prefix> sources) {
    if (!outsideLocal) {
      return endpoints.cluster().isEmpty()
          ? none(false)
          : new Target.Balanced(
              Target.Reach.EXTERNAL, affinity, endpoints.cluster(), List.of(), sources, maglev);
    }
    if (endpoints.cluster().isEmpty() && endpoints.local().isEmpty()) {
      return none(true);
    }
    return new Target.Balanced(
        Target.Reach.LOCAL, affinity, endpoints.cluster(), endpoints.local(), sources, maglev);
  }

  /// A load balancer that finds a node silent asks another; one that is refused gives up.
  private Target none(boolean local) {
    return local && endpoints.any() ? new Target.Dropped() : new Target.Refused();
  }
}
