// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.forwarding.ForwardingState.WireGuardTunnel;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// The steps from one state to another.
///
/// First what packets need at the far end of their way (device, destination, next hop), then the
/// routes that send packets there, then the removals in the opposite order. A route whose way
/// changes is replaced in one step, so its range is never without one.
public final class ForwardingPlan {
  private ForwardingPlan() {}

  public static List<ForwardingStep> between(ForwardingState actual, ForwardingState desired) {
    List<ForwardingStep> steps = new ArrayList<>();
    // A new device comes without what hung on the old one.
    boolean fresh = tunnel(actual, desired, steps);
    wireGuard(actual.wireGuard(), desired.wireGuard(), steps);
    Set<MacAddress> keptMacs = new HashSet<>();
    for (Destination destination : desired.destinations()) {
      keptMacs.add(destination.mac());
      if (fresh || !actual.destinations().contains(destination)) {
        steps.add(new ForwardingStep.PutDestination(destination));
      }
    }
    Set<IpAddress> keptHops = new HashSet<>();
    for (NextHop hop : desired.neighbours()) {
      keptHops.add(hop.address());
      if (fresh || !actual.neighbours().contains(hop)) {
        steps.add(new ForwardingStep.PutNextHop(hop));
      }
    }
    Set<Prefix> keptRanges = new HashSet<>();
    for (RangeRoute route : desired.routes()) {
      keptRanges.add(route.range());
      if ((fresh && route.way() == Way.TUNNEL) || !actual.routes().contains(route)) {
        // An unreachable route is of another type, which a replacement does not reach.
        for (RangeRoute old : actual.routes()) {
          if (old.range().equals(route.range()) && isReject(old) != isReject(route)) {
            steps.add(new ForwardingStep.RemoveRoute(old));
          }
        }
        putRoute(route, steps);
      }
    }
    removals(actual, desired, keptRanges, keptHops, keptMacs, steps);
    return steps;
  }

  /// A gateway behind the tunnel has an address of the range itself. As long as anybody's route
  /// leads the range to another device, the kernel refuses such a gateway of IPv6 even if it is
  /// told that it is on the link (`ip6_route_check_nh_onlink` of `net/ipv6/route.c`), so it gets a
  /// route of its own for the moment of the change.
  private static void putRoute(RangeRoute route, List<ForwardingStep> steps) {
    Optional<RangeRoute> gatewayAlone =
        route
            .gateway()
            .filter(gateway -> route.way() == Way.TUNNEL && gateway.family() == IpFamily.IPV6)
            .map(gateway -> new RangeRoute(gateway.toPrefix(), Way.TUNNEL, Optional.empty()));
    gatewayAlone.ifPresent(alone -> steps.add(new ForwardingStep.PutRoute(alone)));
    steps.add(new ForwardingStep.PutRoute(route));
    gatewayAlone.ifPresent(alone -> steps.add(new ForwardingStep.RemoveRoute(alone)));
  }

  private static boolean isReject(RangeRoute route) {
    return route.way() == Way.UNREACHABLE;
  }

  private static boolean tunnel(
      ForwardingState actual, ForwardingState desired, List<ForwardingStep> steps) {
    if (desired.tunnel().isEmpty()) {
      return false; // removed at the end
    }
    TunnelDevice wanted = desired.tunnel().get();
    if (actual.tunnel().isEmpty()) {
      steps.add(new ForwardingStep.CreateTunnel(wanted));
      return true;
    }
    TunnelDevice found = actual.tunnel().get();
    if (!found.sameWire(wanted)) {
      steps.add(new ForwardingStep.RemoveTunnel());
      steps.add(new ForwardingStep.CreateTunnel(wanted));
      return true;
    }
    if (!found.sameDevice(wanted)) {
      steps.add(new ForwardingStep.AdjustTunnel(wanted));
    }
    return false;
  }

  private static void wireGuard(
      Optional<WireGuardTunnel> actual,
      Optional<WireGuardTunnel> desired,
      List<ForwardingStep> steps) {
    if (desired.isEmpty()) {
      return; // removed at the end
    }
    WireGuardTunnel wanted = desired.get();
    if (actual.isEmpty()) {
      steps.add(new ForwardingStep.CreateWireGuard(wanted));
    } else if (!actual.get().sameDevice(wanted)) {
      steps.add(new ForwardingStep.AdjustWireGuard(wanted));
    }
    Map<WireGuardKey, WireGuardPeer> found = actual.map(WireGuardTunnel::peers).orElse(Map.of());
    for (WireGuardPeer peer : wanted.peers().values()) {
      WireGuardPeer before = found.get(peer.key());
      if (!peer.equals(before)) {
        boolean ranges = before == null || !before.allowed().equals(peer.allowed());
        steps.add(new ForwardingStep.PutPeer(peer, ranges));
      }
    }
  }

  private static void wireGuardRemovals(
      Optional<WireGuardTunnel> actual,
      Optional<WireGuardTunnel> desired,
      List<ForwardingStep> steps) {
    if (actual.isPresent() && desired.isEmpty()) {
      steps.add(new ForwardingStep.RemoveWireGuard());
    } else if (actual.isPresent()) {
      for (WireGuardKey key : actual.get().peers().keySet()) {
        if (!desired.get().peers().containsKey(key)) {
          steps.add(new ForwardingStep.RemovePeer(key));
        }
      }
    }
  }

  private static void removals(
      ForwardingState actual,
      ForwardingState desired,
      Set<Prefix> keptRanges,
      Set<IpAddress> keptHops,
      Set<MacAddress> keptMacs,
      List<ForwardingStep> steps) {
    for (RangeRoute route : actual.routes()) {
      if (!keptRanges.contains(route.range())) {
        steps.add(new ForwardingStep.RemoveRoute(route));
      }
    }
    boolean deviceStays =
        desired.tunnel().isPresent()
            && actual.tunnel().isPresent()
            && actual.tunnel().get().sameWire(desired.tunnel().get());
    if (deviceStays) {
      for (NextHop hop : actual.neighbours()) {
        if (!keptHops.contains(hop.address())) {
          steps.add(new ForwardingStep.RemoveNextHop(hop));
        }
      }
      for (Destination destination : actual.destinations()) {
        if (!keptMacs.contains(destination.mac())) {
          steps.add(new ForwardingStep.RemoveDestination(destination));
        }
      }
    }
    if (desired.tunnel().isEmpty() && actual.tunnel().isPresent()) {
      steps.add(new ForwardingStep.RemoveTunnel());
    }
    wireGuardRemovals(actual.wireGuard(), desired.wireGuard(), steps);
  }
}
