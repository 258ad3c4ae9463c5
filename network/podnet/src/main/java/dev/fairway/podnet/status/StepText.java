// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.forwarding.ForwardingState.WireGuardTunnel;
import dev.fairway.podnet.forwarding.ForwardingStep;

/// A step of a plan as the command of iproute2 that does the same, so that a reader knows what it
/// means and can do it by hand.
public final class StepText {
  private static final String TUNNEL = ForwardingState.TUNNEL_NAME;
  private static final String SECURE = ForwardingState.WIREGUARD_NAME;

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
      case ForwardingStep.CreateWireGuard(WireGuardTunnel d) ->
          "ip link add " + SECURE + " mtu " + d.mtu() + " type wireguard && " + settings(d);
      case ForwardingStep.AdjustWireGuard(WireGuardTunnel d) -> settings(d);
      case ForwardingStep.RemoveWireGuard() -> "ip link delete " + SECURE;
      case ForwardingStep.PutPeer(WireGuardPeer peer, boolean ranges) ->
          "wg set "
              + SECURE
              + " peer "
              + peer.key()
              + peer.endpoint().map(end -> " endpoint " + end).orElse("")
              + " persistent-keepalive "
              + peer.keepaliveSeconds()
              + (ranges ? " allowed-ips " + ranges(peer) : "");
      case ForwardingStep.RemovePeer(WireGuardKey key) ->
          "wg set " + SECURE + " peer " + key + " remove";
      case ForwardingStep.PutRoute(RangeRoute route) -> "ip route replace " + of(route);
      case ForwardingStep.RemoveRoute(RangeRoute route) -> "ip route delete " + of(route);
    };
  }

  private static String settings(WireGuardTunnel device) {
    return "wg set "
        + SECURE
        + " listen-port "
        + device.port()
        + " private-key FILE && ip link set "
        + SECURE
        + " up mtu "
        + device.mtu();
  }

  private static String ranges(WireGuardPeer peer) {
    return String.join(",", peer.allowed().stream().map(Prefix::toString).toList());
  }

  private static String of(RangeRoute route) {
    String protocol = " proto " + ForwardingState.ROUTE_PROTOCOL;
    if (route.way() == Way.UNREACHABLE) {
      return "unreachable " + route.range() + protocol;
    }
    return route.range()
        + route.gateway().map(gateway -> " via " + gateway).orElse("")
        + (route.way() == Way.TUNNEL ? " dev " + TUNNEL + " onlink" : "")
        + (route.way() == Way.WIREGUARD ? " dev " + SECURE : "")
        + protocol;
  }
}
