// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

/// How many equally good routes to one prefix are used together (ECMP).
///
/// Equal means: nothing up to and including "learned outside before learned inside" of RFC 4271
/// 9.1.2.2 tells them apart. AS paths must be equally long, not the same.
///
/// @param external most routes from neighbours of other ASes, 1 to 256
/// @param internal most routes from neighbours of the own AS, 1 to 256
public record Multipath(int external, int internal) {
  /// 16 of either kind.
  public static final Multipath DEFAULT = new Multipath(16, 16);

  public Multipath {
    if (external < 1 || external > 256 || internal < 1 || internal > 256) {
      throw new IllegalArgumentException(
          "multipath " + external + "/" + internal + " is not from 1 to 256");
    }
  }
}
