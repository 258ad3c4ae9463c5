// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

/// A mark on a route (RFC 1997), written `65000:100`.
///
/// @param bits all 32 of them: usually an AS number and a value, 16 bits each
public record Community(int bits) implements Comparable<Community> {
  /// Not to be told to any neighbour of another AS.
  public static final Community NO_EXPORT = new Community(0xffff_ff01);

  /// Not to be told to any neighbour.
  public static final Community NO_ADVERTISE = new Community(0xffff_ff02);

  /// As NO_EXPORT, where there are no confederations.
  public static final Community NO_EXPORT_SUBCONFED = new Community(0xffff_ff03);

  /// Both parts are from 0 to 65535.
  public static Community of(int high, int low) {
    if (high >>> 16 != 0 || low >>> 16 != 0) {
      throw new IllegalArgumentException(
          "community " + high + ":" + low + ": both parts are from 0 to 65535");
    }
    return new Community(high << 16 | low);
  }

  /// Reads `65000:100`.
  ///
  /// @throws IllegalArgumentException if it is not written so; the message quotes it
  public static Community parse(String text) {
    int colon = text.indexOf(':');
    try {
      return of(
          Integer.parseInt(text.substring(0, Math.max(colon, 0))),
          Integer.parseInt(text.substring(colon + 1)));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a community, which is written 65000:100", e);
    }
  }

  @Override
  public int compareTo(Community other) {
    return Integer.compareUnsigned(bits, other.bits);
  }

  @Override
  public String toString() {
    return (bits >>> 16) + ":" + (bits & 0xffff);
  }
}
