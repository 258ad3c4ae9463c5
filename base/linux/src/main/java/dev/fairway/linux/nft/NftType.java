// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.net.IpFamily;

/// What a part of a key or of a map's data is. The kernel only keeps the length; the type's number
/// is `nft`'s own (`include/datatype.h` of nftables) and lets it print the parts for people.
public enum NftType {
  IPV4_ADDRESS(7, 4),
  IPV6_ADDRESS(8, 16),
  /// Six bytes and two of nothing.
  MAC(9, 8),
  PROTOCOL(12, 4),
  PORT(13, 4),
  /// Also used for an index, because `nft` can print it without being told more.
  MARK(19, 4),
  LINK_INDEX(20, 4);

  private final int number;
  private final int bytes;

  NftType(int number, int bytes) {
    this.number = number;
    this.bytes = bytes;
  }

  int number() {
    return number;
  }

  /// How long it is in a concatenation.
  int bytes() {
    return bytes;
  }

  /// An address of a family.
  public static NftType address(IpFamily family) {
    return switch (family) {
      case IPV4 -> IPV4_ADDRESS;
      case IPV6 -> IPV6_ADDRESS;
    };
  }
}
