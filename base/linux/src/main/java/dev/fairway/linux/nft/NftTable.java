// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.net.IpFamily;

/// A table: everything that belongs together and is removed together.
///
/// @param family which packets it sees
/// @param name unique in its family
public record NftTable(Family family, String name) {
  public NftTable {
    NftName.check(name);
  }

  /// `NFPROTO_*` of `linux/netfilter.h`
  public enum Family {
    INET(1),
    IP(2),
    ARP(3),
    IP6(10);

    private final int number;

    Family(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    /// The family that sees only packets of one IP family.
    public static Family of(IpFamily family) {
      return switch (family) {
        case IPV4 -> IP;
        case IPV6 -> IP6;
      };
    }
  }

  @Override
  public String toString() {
    return "table " + family.name().toLowerCase(java.util.Locale.ROOT) + " " + name;
  }
}
