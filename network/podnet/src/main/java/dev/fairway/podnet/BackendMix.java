// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.net.IpFamily;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.FlannelAnnotations;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.routes.RoutesBackend;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.settings.SubnetBackend;
import dev.fairway.podnet.vxlan.VxlanBackend;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/// Each other node by the backend that the settings have for it, all together as one wanted state.
/// Pure but for what it is told of BGP, whose routes come by and by and are not among those here.
///
/// While nodes change from one backend to another, one after the other, some already send by the
/// new one. What makes that pass unnoticed: who sends by routes still listens at its tunnel as long
/// as somebody sends by theirs; and who is to send by a tunnel sends by routes to a neighbour that
/// has no tunnel yet. Whom BGP is to reach is reached as before until it does.
final class BackendMix {
  private final PodNetworkSettings settings;
  private final VxlanBackend vxlan;
  private final RoutesBackend routes = new RoutesBackend();
  private final Predicate<ClusterNode> reachedByBgp;

  BackendMix(PodNetworkSettings settings) {
    this(settings, node -> false);
  }

  /// @param reachedByBgp whether the kernel has routes of BGP to all pods of a node
  BackendMix(PodNetworkSettings settings, Predicate<ClusterNode> reachedByBgp) {
    this.settings = settings;
    this.reachedByBgp = reachedByBgp;
    this.vxlan = new VxlanBackend(settings.vxlan(), settings.mtu());
  }

  PodNetworkSettings settings() {
    return settings;
  }

  /// Those whom BGP is to reach.
  List<ClusterNode> bgpNeighbours(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    return others.stream().filter(other -> wanted(me, other, underlay) == BackendKind.BGP).toList();
  }

  ForwardingState desired(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    Map<BackendKind, List<ClusterNode>> groups = groups(me, others, underlay);
    ForwardingState plain =
        routes.desired(me, groups.getOrDefault(BackendKind.ROUTES, List.of()), underlay);
    ForwardingState wrapped =
        vxlan.desired(me, groups.getOrDefault(BackendKind.VXLAN, List.of()), underlay);
    boolean keepsTunnel = keepsTunnel(me, others, groups.containsKey(BackendKind.VXLAN));
    Optional<TunnelDevice> tunnel = keepsTunnel ? wrapped.tunnel() : Optional.empty();
    Set<ForwardingState.RangeRoute> all = new LinkedHashSet<>(wrapped.routes());
    all.addAll(plain.routes());
    return new ForwardingState(
        tunnel,
        List.copyOf(all),
        List.copyOf(wrapped.neighbours()),
        List.copyOf(wrapped.destinations()));
  }

  Map<String, String> announcement(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    Map<String, String> all = new HashMap<>();
    Set<BackendKind> used = groups(me, others, underlay).keySet();
    all.putAll(
        keepsTunnel(me, others, used.contains(BackendKind.VXLAN))
            ? vxlan.announcement(me, underlay)
            : routes.announcement(me, underlay));
    Set<BackendKind> sending = EnumSet.copyOf(settings.backends());
    sending.addAll(used);
    all.putAll(FlannelAnnotations.sendsBy(sending));
    return all;
  }

  /// The largest packet that a pod may send whichever node it is for.
  int podMtu(Underlay underlay) {
    int least = settings.mtu().orElse(Integer.MAX_VALUE);
    for (BackendKind kind : settings.backends()) {
      least = Math.min(least, backend(kind).podMtu(underlay));
    }
    boolean v6 = settings.podRanges().stream().anyMatch(range -> range.family() == IpFamily.IPV6);
    return v6 ? Math.max(PodNetworkSettings.LEAST_IPV6_MTU, least) : least;
  }

  List<String> problems(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    List<String> found = new ArrayList<>();
    groups(me, others, underlay)
        .forEach((kind, group) -> {
          if (kind == BackendKind.VXLAN || kind == BackendKind.ROUTES) {
            found.addAll(backend(kind).unreachable(me, group, underlay));
          }
        });
    return found;
  }

  private Backend backend(BackendKind kind) {
    return switch (kind) {
      case VXLAN -> vxlan;
      case ROUTES, BGP -> routes;
    };
  }

  private boolean keepsTunnel(ClusterNode me, List<ClusterNode> others, boolean used) {
    boolean announced = me.tunnel().isPresent();
    return settings.backends().contains(BackendKind.VXLAN)
        || (announced && (used || others.stream().anyMatch(ClusterNode::wraps)));
  }

  private Map<BackendKind, List<ClusterNode>> groups(
      ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    Map<BackendKind, List<ClusterNode>> groups = new EnumMap<>(BackendKind.class);
    for (ClusterNode other : others) {
      groups.computeIfAbsent(now(me, other, underlay), _ -> new ArrayList<>()).add(other);
    }
    return groups;
  }

  private BackendKind wanted(ClusterNode me, ClusterNode other, Underlay underlay) {
    for (SubnetBackend subnet : settings.perSubnet()) {
      if (subnet.covers(me.address(), other.address(), underlay.network())) {
        return subnet.backend();
      }
    }
    return settings.backend();
  }

  /// What carries packets to a node as long as not all have changed to what is wanted.
  private BackendKind now(ClusterNode me, ClusterNode other, Underlay underlay) {
    BackendKind wanted = wanted(me, other, underlay);
    boolean takesPlain = !underlay.isFar(other.address()) && other.takesPlain();
    return switch (wanted) {
      case VXLAN -> other.tunnel().isEmpty() && takesPlain ? BackendKind.ROUTES : wanted;
      case BGP -> {
        if (reachedByBgp.test(other)) {
          yield wanted;
        }
        boolean tunnel = other.tunnel().isPresent() && me.tunnel().isPresent();
        yield tunnel
            ? BackendKind.VXLAN
            : takesPlain && other.sendsBy().contains(BackendKind.ROUTES)
                ? BackendKind.ROUTES
                : wanted;
      }
      case ROUTES -> wanted;
    };
  }
}
