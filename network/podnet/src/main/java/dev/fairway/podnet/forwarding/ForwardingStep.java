// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;

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
}
