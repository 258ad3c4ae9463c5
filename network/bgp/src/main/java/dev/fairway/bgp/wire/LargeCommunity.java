// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

/// A mark on a route with room for a 4-octet AS number (RFC 8092), written `4200000000:1:2`.
///
/// @param administrator the AS that says what it means, unsigned
/// @param first local data, unsigned
/// @param second local data, unsigned
public record LargeCommunity(int administrator, int first, int second) {
  /// All parts are from 0 to 4294967295.
  public static LargeCommunity of(long administrator, long first, long second) {
    if ((administrator | first | second) >>> 32 != 0) {
      throw new IllegalArgumentException(
          "large community "
              + administrator
              + ":"
              + first
              + ":"
              + second
              + ": all parts are from 0 to 4294967295");
    }
    return new LargeCommunity((int) administrator, (int) first, (int) second);
  }

  @Override
  public String toString() {
    return Integer.toUnsignedString(administrator)
        + ":"
        + Integer.toUnsignedString(first)
        + ":"
        + Integer.toUnsignedString(second);
  }
}
