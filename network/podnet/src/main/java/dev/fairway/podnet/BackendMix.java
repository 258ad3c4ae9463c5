// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.FlannelAnnotations;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.routes.RoutesBackend;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.settings.SubnetBackend;
import dev.fairway.podnet.vxlan.VxlanBackend;
import dev.fairway.podnet.wireguard.WireGuardBackend;
import dev.fairway.podnet.wireguard.WireGuardKnown;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;

/// Each other node by the backend that the settings have for it, all together as one wanted state.
/// Pure but for what it is told of BGP, whose routes come by and by and are not among those here,
/// and of this machine's WireGuard.
///
/// While nodes change from one backend to another, one after the other, some already send by the
/// new one. What makes that pass unnoticed: who sends by routes still listens at its tunnel as long
/// as somebody sends by theirs; and who is to send by a tunnel sends by routes to a neighbour that
/// has no tunnel yet. Whom BGP is to reach is reached as before until it does, and so is whom
/// WireGuard is to reach, until both have agreed on keys. But only a way that the kernel has at
/// this moment is one "before", so that nothing goes unencrypted because a device or a machine
/// began anew.
final class BackendMix {
  private final PodNetworkSettings settings;
  private final VxlanBackend vxlan;
  private final RoutesBackend routes = new RoutesBackend();
  private final WireGuardBackend wireGuard;
  private final Present present;

  /// What one machine's kernel and agent have, now.
  interface Present {
    /// Of a machine that has nothing yet.
    Present NOTHING =
        new Present() {
          @Override
          public boolean reachedByBgp(ClusterNode node) {
            return false;
          }

          @Override
          public Optional<Way> way(ClusterNode node) {
            return Optional.empty();
          }

          @Override
          public WireGuardKnown wireGuardKnown() {
            return WireGuardKnown.NOTHING;
          }

          @Override
          public List<Prefix> poolRanges() {
            return List.of();
          }
        };

    /// Whether the kernel has routes of BGP to all pods of a node.
    boolean reachedByBgp(ClusterNode node);

    /// What routes, other than those, to a node's pods leave by.
    Optional<Way> way(ClusterNode node);

    WireGuardKnown wireGuardKnown();

    /// Ranges of pods beside those of the settings.
    List<Prefix> poolRanges();
  }

  BackendMix(PodNetworkSettings settings) {
    this(settings, Present.NOTHING);
  }

  BackendMix(PodNetworkSettings settings, Present present) {
    this.settings = settings;
    this.present = present;
    this.vxlan = new VxlanBackend(settings.vxlan(), settings.mtu());
    this.wireGuard =
        new WireGuardBackend(settings.wireguard(), settings.mtu(), present::wireGuardKnown);
  }

  PodNetworkSettings settings() {
    return settings;
  }

  /// Those whom BGP is to reach.
  List<ClusterNode> bgpNeighbours(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    return settings.backends().contains(BackendKind.BGP)
        ? others.stream().filter(other -> wanted(me, other, underlay) == BackendKind.BGP).toList()
        : List.of();
  }

  ForwardingState desired(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    Map<BackendKind, List<ClusterNode>> groups = groups(me, others, underlay);
    ForwardingState plain =
        routes.desired(me, groups.getOrDefault(BackendKind.ROUTES, List.of()), underlay);
    ForwardingState wrapped =
        vxlan.desired(me, groups.getOrDefault(BackendKind.VXLAN, List.of()), underlay);
    boolean keepsTunnel = keepsTunnel(me, others, groups.containsKey(BackendKind.VXLAN));
    Optional<TunnelDevice> tunnel = keepsTunnel ? wrapped.tunnel() : Optional.empty();
    SequencedSet<RangeRoute> each = new LinkedHashSet<>(wrapped.routes());
    each.addAll(plain.routes());
    each.addAll(wireGuard.routes(me, groups.getOrDefault(BackendKind.WIREGUARD, List.of())));
    SequencedSet<RangeRoute> all = new LinkedHashSet<>(closed(each));
    all.addAll(each);
    boolean secures =
        present.wireGuardKnown().obstacle().isEmpty()
            && keepsWireGuard(me, others, groups.containsKey(BackendKind.WIREGUARD));
    return new ForwardingState(
        tunnel,
        all,
        wrapped.neighbours(),
        wrapped.destinations(),
        secures ? Optional.of(wireGuard.tunnel(me, others, underlay)) : Optional.empty());
  }

  /// Under all routes to single nodes, while WireGuard is wanted: those go with their device, and
  /// are not there yet for a node that nobody knows. Without these, what they were for would leave
  /// by the default route, for all to read. They hang on no device.
  private List<RangeRoute> closed(Set<RangeRoute> routes) {
    if (!settings.backends().contains(BackendKind.WIREGUARD)) {
      return List.of();
    }
    Set<Prefix> ranges = new LinkedHashSet<>(settings.podRanges());
    ranges.addAll(present.poolRanges());
    routes.forEach(route -> ranges.remove(route.range()));
    return ranges.stream()
        .map(range -> new RangeRoute(range, Way.UNREACHABLE, Optional.empty()))
        .toList();
  }

  /// What goes by the second VXLAN device, [ForwardingState#EMPTY] without one.
  ForwardingState second(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    if (!VxlanBackend.canHaveSecond(me, underlay)) {
      return ForwardingState.EMPTY;
    }
    Map<BackendKind, List<ClusterNode>> groups = groups(me, others, underlay);
    return vxlan.second(me, groups.getOrDefault(BackendKind.VXLAN, List.of()), underlay);
  }

  /// Whether this machine has to have a WireGuard device.
  boolean keepsWireGuard(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    boolean possible =
        settings.backends().contains(BackendKind.WIREGUARD) || me.wireGuard().isPresent();
    return possible
        && keepsWireGuard(
            me, others, groups(me, others, underlay).containsKey(BackendKind.WIREGUARD));
  }

  private boolean keepsWireGuard(ClusterNode me, List<ClusterNode> others, boolean used) {
    return settings.backends().contains(BackendKind.WIREGUARD)
        || (me.wireGuard().isPresent()
            && (used
                || others.stream()
                    .anyMatch(other -> other.sendsBy().contains(BackendKind.WIREGUARD))));
  }

  Map<String, String> announcement(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    Map<String, String> all = new HashMap<>();
    Set<BackendKind> used = groups(me, others, underlay).keySet();
    boolean secures = keepsWireGuard(me, others, used.contains(BackendKind.WIREGUARD));
    all.putAll(
        keepsTunnel(me, others, used.contains(BackendKind.VXLAN))
            ? vxlan.announcement(me, underlay)
            : settings.backends().contains(BackendKind.WIREGUARD)
                ? wireGuard.announcement(me, underlay)
                : routes.announcement(me, underlay));
    if (used.contains(BackendKind.VXLAN)) {
      all.putAll(
          second(me, others, underlay).tunnel().map(vxlan::secondAnnouncement).orElse(Map.of()));
    }
    WireGuardKnown known = present.wireGuardKnown();
    if (secures && known.obstacle().isEmpty()) {
      all.putAll(FlannelAnnotations.wireGuardKey(known.key()));
    } else if (me.wireGuard().isPresent()) {
      all.putAll(FlannelAnnotations.wireGuardKey(Optional.empty()));
    }
    Set<BackendKind> sending = EnumSet.copyOf(settings.backends());
    sending.addAll(used);
    all.putAll(FlannelAnnotations.sendsBy(sending));
    return all;
  }

  int wireGuardMtu(Underlay underlay) {
    return wireGuard.podMtu(underlay);
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
          if (kind != BackendKind.BGP) {
            found.addAll(backend(kind).unreachable(me, group, underlay));
          }
        });
    if (settings.backends().contains(BackendKind.WIREGUARD)) {
      for (ClusterNode other : others) {
        BackendKind now = now(me, other, underlay);
        if (wanted(me, other, underlay) == BackendKind.WIREGUARD && now != BackendKind.WIREGUARD) {
          found.add(wireGuard.notYet(other, now));
        }
      }
    }
    return found;
  }

  private Backend backend(BackendKind kind) {
    return switch (kind) {
      case VXLAN -> vxlan;
      case ROUTES, BGP -> routes;
      case WIREGUARD -> wireGuard;
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
    boolean takesPlain = other.takesPlain() && !underlay.isFar(other.address());
    return switch (wanted) {
      case VXLAN ->
          other.tunnel().isPresent()
              ? wanted
              : secured(other) ? BackendKind.WIREGUARD : takesPlain ? BackendKind.ROUTES : wanted;
      case BGP -> {
        if (present.reachedByBgp(other)) {
          yield wanted;
        }
        if (secured(other)) {
          yield BackendKind.WIREGUARD;
        }
        boolean tunnel = other.tunnel().isPresent() && me.tunnel().isPresent();
        yield tunnel
            ? BackendKind.VXLAN
            : takesPlain && other.sendsBy().contains(BackendKind.ROUTES)
                ? BackendKind.ROUTES
                : wanted;
      }
      case ROUTES -> wanted;
      case WIREGUARD -> secured(other) ? wanted : before(me, other, underlay).orElse(wanted);
    };
  }

  /// Whether both have agreed on keys, so that packets pass.
  private boolean secured(ClusterNode other) {
    WireGuardKnown known = present.wireGuardKnown();
    return known.obstacle().isEmpty()
        && other.wireGuard().filter(known.reached()::contains).isPresent();
  }

  /// What carries packets to a node that is to be reached by WireGuard and is not yet. Empty if
  /// nothing does, and if one of both says that it has no WireGuard: nothing will change then.
  private Optional<BackendKind> before(ClusterNode me, ClusterNode other, Underlay underlay) {
    boolean lacks = other.wireGuard().isEmpty() && other.sendsBy().contains(BackendKind.WIREGUARD);
    if (lacks || present.wireGuardKnown().obstacle().isPresent()) {
      return Optional.empty();
    }
    if (present.reachedByBgp(other)) {
      return Optional.of(BackendKind.BGP);
    }
    return switch (present.way(other).orElse(Way.ELSEWHERE)) {
      case TUNNEL ->
          me.tunnel().isPresent() && other.tunnel().isPresent()
              ? Optional.of(BackendKind.VXLAN)
              : Optional.empty();
      case UNDERLAY ->
          underlay.isFar(other.address()) ? Optional.empty() : Optional.of(BackendKind.ROUTES);
      case WIREGUARD, ELSEWHERE, UNREACHABLE -> Optional.empty();
    };
  }
}
