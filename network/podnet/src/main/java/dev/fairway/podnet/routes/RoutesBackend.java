// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.routes;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.FlannelAnnotations;
import dev.fairway.podnet.nodes.Underlay;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The backend `routes`.
public final class RoutesBackend implements Backend {
  @Override
  public ForwardingState desired(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    List<RangeRoute> routes = new ArrayList<>();
    for (Prefix range : me.ranges()) {
      routes.add(new RangeRoute(range, Way.UNREACHABLE, Optional.empty()));
    }
    for (ClusterNode other : others) {
      for (Prefix range : other.ranges()) {
        if (obstacle(range, other, underlay).isEmpty()) {
          routes.add(new RangeRoute(range, Way.UNDERLAY, other.address(range.family())));
        }
      }
    }
    return new ForwardingState(Optional.empty(), routes, List.of(), List.of());
  }

  @Override
  public Map<String, String> announcement(ClusterNode me, Underlay underlay) {
    return FlannelAnnotations.hostGateway(underlay.address());
  }

  @Override
  public int podMtu(Underlay underlay) {
    return underlay.mtu();
  }

  @Override
  public List<String> unreachable(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    List<String> reasons = new ArrayList<>();
    for (ClusterNode other : others) {
      for (Prefix range : other.ranges()) {
        obstacle(range, other, underlay)
            .ifPresent(why -> reasons.add("node " + other.name() + ": " + why));
      }
    }
    return reasons;
  }

  private static Optional<String> obstacle(Prefix range, ClusterNode other, Underlay underlay) {
    Optional<IpAddress> gateway = other.address(range.family());
    if (gateway.isEmpty()) {
      return Optional.of("it has no address of the family of its range " + range);
    }
    if (underlay.address(range.family()).isEmpty()) {
      return Optional.of("this machine has no address of the family of its range " + range);
    }
    if (underlay.isOfNoMachine(gateway.get())) {
      return Optional.of("its address " + gateway.get() + " is no machine's own");
    }
    if (underlay.isFar(gateway.get())) {
      return Optional.of(
          "its address "
              + gateway.get()
              + " is beyond a router, where plain routes do not reach; use vxlan or bgp for it");
    }
    return Optional.empty();
  }
}
