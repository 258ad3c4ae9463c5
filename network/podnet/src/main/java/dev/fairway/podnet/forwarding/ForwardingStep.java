// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.WireGuardTunnel;

/// One change to the kernel's tables. Putting replaces what is there, removing the absent is
/// success.
public sealed interface ForwardingStep {
  record CreateTunnel(TunnelDevice tunnel) implements ForwardingStep {}

  /// Of the changeable parts: addresses, MTU, up.
  record AdjustTunnel(TunnelDevice tunnel) implements ForwardingStep {}

  record RemoveTunnel() implements ForwardingStep {}

  record PutDestination(Destination destination) implements ForwardingStep {}

  record PutNextHop(NextHop hop) implements ForwardingStep {}

  record PutRoute(RangeRoute route) implements ForwardingStep {}

  record RemoveRoute(RangeRoute route) implements ForwardingStep {}

  record RemoveNextHop(NextHop hop) implements ForwardingStep {}

  record RemoveDestination(Destination destination) implements ForwardingStep {}

  record CreateWireGuard(WireGuardTunnel tunnel) implements ForwardingStep {}

  /// Of all but its peers.
  record AdjustWireGuard(WireGuardTunnel tunnel) implements ForwardingStep {}

  record RemoveWireGuard() implements ForwardingStep {}

  /// A peer of the WireGuard device.
  ///
  /// @param ranges whether its ranges are others than before
  record PutPeer(WireGuardPeer peer, boolean ranges) implements ForwardingStep {}

  record RemovePeer(WireGuardKey key) implements ForwardingStep {}
}
