// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.wireguard;

import dev.fairway.linux.wireguard.WireGuardKey;
import java.util.Optional;
import java.util.Set;

/// What is known of this machine's WireGuard.
///
/// @param key its public one, once there is one
/// @param obstacle why there can be no device; empty if there is one, or nobody asked for it
/// @param reached peers with whom it agreed on keys
public record WireGuardKnown(
    Optional<WireGuardKey> key, Optional<String> obstacle, Set<WireGuardKey> reached) {
  public static final WireGuardKnown NOTHING =
      new WireGuardKnown(Optional.empty(), Optional.empty(), Set.of());

  public WireGuardKnown {
    reached = Set.copyOf(reached);
  }
}
