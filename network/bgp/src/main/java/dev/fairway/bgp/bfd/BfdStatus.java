// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

import dev.fairway.net.IpAddress;
import java.time.Duration;

/// A peer as it is now.
///
/// @param peer whose session it is
/// @param state of the session
/// @param remoteState what the peer last said of its own
/// @param diagnostic why the session last went down
/// @param detection how long a silence means death, zero if not known yet
/// @param interval how often packets are sent now
/// @param flaps how often it went down after it had been up
public record BfdStatus(
    IpAddress peer,
    BfdState state,
    BfdState remoteState,
    BfdDiagnostic diagnostic,
    Duration detection,
    Duration interval,
    long flaps) {
  /// Whether a change to this means that the peer is dead, not just that one of both does not want
  /// to be watched any more (RFC 5882 3.2).
  public boolean dead() {
    return state == BfdState.DOWN
        && diagnostic != BfdDiagnostic.NONE
        && remoteState != BfdState.ADMIN_DOWN;
  }
}
