// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.util.List;
import java.util.Optional;

/// Another machine as a device knows it.
///
/// @param key by which it is known
/// @param endpoint where packets for it are sent; empty until it has been heard, where not set
/// @param allowed the ranges behind it: packets to them go to it, packets from it must be of them
/// @param keepaliveSeconds after how much silence an empty packet is sent; 0: never
/// @param handshakeSeconds when keys were last agreed on, in seconds since 1970; 0: never
/// @param received bytes of it so far
/// @param sent bytes to it so far
public record WireGuardPeer(
    WireGuardKey key,
    Optional<TransportAddress> endpoint,
    List<Prefix> allowed,
    int keepaliveSeconds,
    long handshakeSeconds,
    long received,
    long sent) {
  public WireGuardPeer {
    allowed = List.copyOf(allowed);
    if (keepaliveSeconds < 0 || keepaliveSeconds > 65535) {
      throw new IllegalArgumentException("a keepalive is 0 to 65535 seconds");
    }
  }

  /// One that is to be.
  public static WireGuardPeer of(
      WireGuardKey key, TransportAddress endpoint, List<Prefix> allowed, int keepaliveSeconds) {
    return new WireGuardPeer(key, Optional.of(endpoint), allowed, keepaliveSeconds, 0, 0, 0);
  }
}
