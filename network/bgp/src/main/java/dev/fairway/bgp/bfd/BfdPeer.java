// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import dev.fairway.net.IpAddress;
import org.jspecify.annotations.Nullable;

/// A neighbour to watch.
///
/// @param address where it is
/// @param local own address to send from, null for the kernel's choice
/// @param hops 1 for a neighbour on the same link (RFC 5881); up to 254 for one behind that many
///   routers less one (RFC 5883)
/// @param times how closely
public record BfdPeer(IpAddress address, @Nullable IpAddress local, int hops, BfdTimes times) {
  public BfdPeer {
    if (hops < 1 || hops > 254) {
      throw new IllegalArgumentException(
          "BFD peer " + address + ": " + hops + " hops are not from 1 to 254");
    }
    if (local != null && local.family() != address.family()) {
      throw new IllegalArgumentException(
          "BFD peer " + address + ": the own address " + local + " is of the other family");
    }
  }

  public static BfdPeer of(IpAddress address) {
    return new BfdPeer(address, null, 1, BfdTimes.DEFAULT);
  }

  public BfdPeer from(IpAddress own) {
    return new BfdPeer(address, own, hops, times);
  }

  public BfdPeer withHops(int count) {
    return new BfdPeer(address, local, count, times);
  }

  public BfdPeer withTimes(BfdTimes wanted) {
    return new BfdPeer(address, local, hops, wanted);
  }

  boolean multihop() {
    return hops > 1;
  }

  /// Whether a session can go on if this becomes what the other is.
  boolean sameSession(BfdPeer other) {
    return withTimes(other.times).equals(other);
  }
}
