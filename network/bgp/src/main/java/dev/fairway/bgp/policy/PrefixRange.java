// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.policy;

import dev.fairway.net.Prefix;

/// Prefixes inside one, of some lengths: `10.0.0.0/8 ge 16 le 24`.
///
/// @param within what they must lie in
/// @param least shortest length that is meant
/// @param most longest length that is meant
public record PrefixRange(Prefix within, int least, int most) {
  public PrefixRange {
    int bits = within.family().addressBits();
    if (least < within.length() || most < least || most > bits) {
      throw new IllegalArgumentException(
          "prefix range "
              + within
              + " ge "
              + least
              + " le "
              + most
              + ": it must be "
              + within.length()
              + " <= ge <= le <= "
              + bits);
    }
  }

  /// Just this one.
  public static PrefixRange exactly(Prefix prefix) {
    return new PrefixRange(prefix, prefix.length(), prefix.length());
  }

  /// This one and all that lie in it.
  public static PrefixRange within(Prefix prefix) {
    return new PrefixRange(prefix, prefix.length(), prefix.family().addressBits());
  }

  public boolean contains(Prefix prefix) {
    return prefix.length() >= least && prefix.length() <= most && within.contains(prefix);
  }
}
