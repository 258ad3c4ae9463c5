// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.IpAddress;

/// A neighbour that is known by its address.
///
/// @param address where it is
/// @param profile how to talk with it
public record PeerSettings(IpAddress address, PeerProfile profile) {
  public PeerSettings {
    if (address.isUnspecified() || address.isMulticast()) {
      throw new IllegalArgumentException("peer " + address + ": no machine has this address");
    }
  }

  public static PeerSettings of(IpAddress address, long remoteAs) {
    return new PeerSettings(address, PeerProfile.of(remoteAs));
  }
}
