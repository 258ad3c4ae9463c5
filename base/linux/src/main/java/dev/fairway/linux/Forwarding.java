// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import org.jspecify.annotations.Nullable;

/// Where a bridge or VXLAN link sends an Ethernet address: an entry of the forwarding database, as
/// `bridge fdb` shows.
///
/// @param link the link's index: the VXLAN device or the bridge's port
/// @param mac the Ethernet address; all zero stands for "any other" on VXLAN
/// @param destination for VXLAN, the machine behind which it lives; null on a bridge's port
/// @param permanent whether somebody set it for good
public record Forwarding(
    int link, MacAddress mac, @Nullable IpAddress destination, boolean permanent) {
  /// A permanent entry of a VXLAN link.
  public static Forwarding of(int link, MacAddress mac, IpAddress destination) {
    return new Forwarding(link, mac, destination, true);
  }
}
