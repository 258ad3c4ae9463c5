// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// What is to become of a device; the rest of it stays as it is.
///
/// @param secret its private key from now on
/// @param port UDP, where it listens from now on
/// @param peers in this order. A range can be behind one peer only: the last that is put has it
public record WireGuardChange(
    Optional<WireGuardSecret> secret, OptionalInt port, List<PeerChange> peers) {
  public WireGuardChange {
    peers = List.copyOf(peers);
  }

  public static WireGuardChange ofPeers(List<? extends PeerChange> peers) {
    return new WireGuardChange(Optional.empty(), OptionalInt.empty(), List.copyOf(peers));
  }

  /// What is to become of one peer.
  public sealed interface PeerChange {}

  /// Made, or changed to this.
  ///
  /// @param ranges whether it has those of `peer` from now on and no others, else those it had. For
  ///   the moment of the change packets of all its ranges may be lost
  public record Put(WireGuardPeer peer, boolean ranges) implements PeerChange {}

  /// Forgotten. An absent one is fine.
  public record Remove(WireGuardKey key) implements PeerChange {}
}
