// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.routes;

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
        if (range.family() == other.address().family()) {
          routes.add(new RangeRoute(range, Way.UNDERLAY, Optional.of(other.address())));
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
  public List<String> unreachable(List<ClusterNode> others) {
    return List.of();
  }
}
