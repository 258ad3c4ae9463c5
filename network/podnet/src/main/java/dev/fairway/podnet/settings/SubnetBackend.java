// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.Optional;

/// A backend for some pairs of nodes. Both nodes decide the same, as each looks at both addresses.
///
/// @param nodes both nodes' addresses must be in it; empty means the network that this machine's
///   own address is on, by the length the kernel has for it
/// @param backend for such a pair
public record SubnetBackend(Optional<Prefix> nodes, BackendKind backend) {
  /// Whether it speaks of these two.
  ///
  /// @param own the network that `me` is on
  public boolean covers(IpAddress me, IpAddress other, Prefix own) {
    Prefix subnet = nodes.orElse(own);
    return subnet.contains(me) && subnet.contains(other);
  }
}
