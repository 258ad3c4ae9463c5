// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import java.util.List;
import java.util.Optional;

/// A device as it is.
///
/// @param key its own; empty until one was set
/// @param port UDP, where it listens in both families
public record WireGuardDevice(Optional<WireGuardKey> key, int port, List<WireGuardPeer> peers) {
  public WireGuardDevice {
    peers = List.copyOf(peers);
  }
}
