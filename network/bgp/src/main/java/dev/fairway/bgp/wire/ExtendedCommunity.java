// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import java.util.HexFormat;

/// A typed mark on a route (RFC 4360). It is kept and handed on, not understood.
///
/// @param bits all 64 of them, the type first
public record ExtendedCommunity(long bits) {
  /// Whether it may leave the AS.
  public boolean transitive() {
    return (bits >>> 62 & 1) == 0;
  }

  @Override
  public String toString() {
    return "0x" + HexFormat.of().toHexDigits(bits);
  }
}
