// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

import dev.fairway.bgp.wire.Message.Open;
import java.util.Optional;

/// A connection of a neighbour, as the machine sees it.
///
/// @param direction who connected
/// @param state OPEN_SENT, OPEN_CONFIRM or ESTABLISHED
/// @param open what the other side said first
public record Link(Direction direction, SessionState state, Optional<Open> open) {
  /// Who connected.
  public enum Direction {
    OUTGOING,
    INCOMING
  }

  static Link opened(Direction direction) {
    return new Link(direction, SessionState.OPEN_SENT, Optional.empty());
  }
}
