// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

/// The rule for names of tables, chains and sets.
final class NftName {
  /// `NFT_NAME_MAXLEN` less the zero byte; the same for all three
  private static final int MAX = 255;

  private NftName() {}

  /// The kernel takes nearly anything; this is what `nft` can also read back without quotes.
  static void check(String name) {
    if (!isPlain(name)) {
      throw new IllegalArgumentException("\"" + name + "\" is not a name for nf_tables");
    }
  }

  static boolean isPlain(String name) {
    boolean bad = name.isEmpty() || name.length() > MAX;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
      boolean inside = (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
      bad |= !letter && (i == 0 || !inside);
    }
    return !bad;
  }
}
