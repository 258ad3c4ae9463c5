// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import org.jspecify.annotations.Nullable;

/// Which Ethernet address an IP address of a link has: an entry of the ARP or ND table.
///
/// @param link the link's index
/// @param address the IP address
/// @param mac null where the kernel is still looking for it
/// @param permanent whether somebody set it for good; what is asked for always is
public record Neighbour(int link, IpAddress address, @Nullable MacAddress mac, boolean permanent) {
  /// A permanent entry.
  public static Neighbour of(int link, IpAddress address, MacAddress mac) {
    return new Neighbour(link, address, mac, true);
  }
}
