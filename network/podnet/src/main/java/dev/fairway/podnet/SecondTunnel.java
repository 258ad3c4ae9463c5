// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.podnet.forwarding.ForwardingPlan;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.forwarding.KernelForwarding;
import java.util.List;
import java.util.Optional;

/// Keeps the second VXLAN device of a machine, which only nodes of flannel's ask for. Not for
/// several threads at a time.
final class SecondTunnel {
  private final NetworkNamespace machine;
  private final RouteNetlink netlink;
  private Optional<ForwardingState> settled = Optional.empty();

  SecondTunnel(NetworkNamespace machine, RouteNetlink netlink) {
    this.machine = machine;
    this.netlink = netlink;
  }

  /// The next [#settle] looks at the kernel.
  void doubt() {
    settled = Optional.empty();
  }

  /// @throws dev.fairway.linux.KernelException if the kernel refused a part; the rest is done
  void settle(ForwardingState desired, int underlay) {
    boolean there = netlink.link(ForwardingState.SECOND_TUNNEL_NAME).isPresent();
    boolean wanted = desired.tunnel().isPresent();
    if (there == wanted && (!there || settled.equals(Optional.of(desired)))) {
      return;
    }
    settled = Optional.empty();
    KernelForwarding kernel = KernelForwarding.ofSecondTunnel(netlink, underlay);
    List<ForwardingStep> steps = ForwardingPlan.between(kernel.read(), desired);
    if (!steps.isEmpty()) {
      kernel.apply(steps);
    }
    if (wanted) {
      ForwardingSysctls.loosen(machine, ForwardingState.SECOND_TUNNEL_NAME);
    }
    settled = Optional.of(desired);
  }
}
