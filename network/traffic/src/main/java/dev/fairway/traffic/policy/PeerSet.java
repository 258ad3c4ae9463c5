// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.util.Set;

/// What a name in an [Allow] stands for. Sets that did not change are the same objects, so that
/// comparing is cheap.
sealed interface PeerSet {
  /// Pods.
  record Addresses(Set<IpAddress> addresses) implements PeerSet {}

  /// Pods, with the port that each calls by some name.
  record Endpoints(Set<TransportAddress> endpoints) implements PeerSet {}

  /// A part of the network. It is named after what it holds, so it never changes.
  record Block(Peer.Block block) implements PeerSet {}

  default boolean contains(IpAddress peer, int port) {
    return switch (this) {
      case Addresses(Set<IpAddress> addresses) -> addresses.contains(peer);
      case Endpoints(Set<TransportAddress> endpoints) ->
          endpoints.contains(new TransportAddress(peer, port));
      case Block(Peer.Block block) -> block.contains(peer);
    };
  }
}
