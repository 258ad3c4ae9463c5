// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/// An optional transitive attribute that is handed on without being understood (RFC 4271 5).
///
/// @param flags as received, with the partial bit set
/// @param type its number
/// @param value its octets; not to be changed
public record UnknownAttribute(int flags, int type, byte[] value) {
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof UnknownAttribute that
        && flags == that.flags
        && type == that.type
        && Arrays.equals(value, that.value);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * flags + type) + Arrays.hashCode(value);
  }

  @Override
  public String toString() {
    return "attribute " + type + " " + HexFormat.of().formatHex(value);
  }
}
