// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Optional;

/// A node that pods may live on.
///
/// @param name of the Node object
/// @param address where its machine is reached: the annotated public address, else InternalIP
/// @param ranges of its pods, from `spec.podCIDRs`
/// @param tunnel how its VXLAN device is reached, if it announced one
public record ClusterNode(
    String name, IpAddress address, List<Prefix> ranges, Optional<Tunnel> tunnel) {
  public ClusterNode {
    ranges = List.copyOf(ranges);
  }

  /// The announcement of a VXLAN device.
  public record Tunnel(int vni, MacAddress mac) {}
}
