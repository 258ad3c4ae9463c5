// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.forwarding.ForwardingStep;

/// A step of a plan as the command of iproute2 that does the same, so that a reader knows what it
/// means and can do it by hand.
public final class StepText {
  private static final String TUNNEL = ForwardingState.TUNNEL_NAME;

  private StepText() {}

  public static String of(ForwardingStep step) {
    return switch (step) {
      case ForwardingStep.CreateTunnel(TunnelDevice d) ->
          "ip link add "
              + TUNNEL
              + " address "
              + d.mac()
              + " mtu "
              + d.mtu()
              + " up type vxlan id "
              + d.vni()
              + " local "
              + d.local()
              + " dstport "
              + d.port()
              + " nolearning";
      case ForwardingStep.AdjustTunnel(TunnelDevice d) ->
          "ip link set " + TUNNEL + " up mtu " + d.mtu();
      case ForwardingStep.RemoveTunnel() -> "ip link delete " + TUNNEL;
      case ForwardingStep.PutDestination(Destination d) ->
          "bridge fdb replace " + d.mac() + " dev " + TUNNEL + " dst " + d.machine();
      case ForwardingStep.RemoveDestination(Destination d) ->
          "bridge fdb delete " + d.mac() + " dev " + TUNNEL + " dst " + d.machine();
      case ForwardingStep.PutNextHop(NextHop hop) ->
          "ip neighbour replace " + hop.address() + " lladdr " + hop.mac() + " dev " + TUNNEL;
      case ForwardingStep.RemoveNextHop(NextHop hop) ->
          "ip neighbour delete " + hop.address() + " dev " + TUNNEL;
      case ForwardingStep.PutRoute(RangeRoute route) -> "ip route replace " + of(route);
      case ForwardingStep.RemoveRoute(RangeRoute route) -> "ip route delete " + of(route);
    };
  }

  private static String of(RangeRoute route) {
    String protocol = " proto " + ForwardingState.ROUTE_PROTOCOL;
    if (route.way() == Way.UNREACHABLE) {
      return "unreachable " + route.range() + protocol;
    }
    return route.range()
        + route.gateway().map(gateway -> " via " + gateway).orElse("")
        + (route.way() == Way.TUNNEL ? " dev " + TUNNEL + " onlink" : "")
        + protocol;
  }
}
