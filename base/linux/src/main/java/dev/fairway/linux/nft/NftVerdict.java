// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

/// What to do with a packet.
///
/// @param kind what
/// @param chain where to, for a jump or goto; else empty
public record NftVerdict(Kind kind, String chain) {
  public NftVerdict {
    if (kind.code <= -3 && kind.code >= -4) {
      NftName.check(chain);
    } else if (!chain.isEmpty()) {
      throw new IllegalArgumentException(kind + " leads to no chain");
    }
  }

  /// `NF_*` of `linux/netfilter.h` and `NFT_*` of `linux/netfilter/nf_tables.h`
  public enum Kind {
    DROP(0),
    ACCEPT(1),
    JUMP(-3),
    GOTO(-4),
    RETURN(-5);

    private final int code;

    Kind(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }
  }

  public static NftVerdict drop() {
    return new NftVerdict(Kind.DROP, "");
  }

  public static NftVerdict accept() {
    return new NftVerdict(Kind.ACCEPT, "");
  }

  public static NftVerdict jump(String chain) {
    return new NftVerdict(Kind.JUMP, chain);
  }

  /// Does not come back.
  public static NftVerdict goTo(String chain) {
    return new NftVerdict(Kind.GOTO, chain);
  }
}
