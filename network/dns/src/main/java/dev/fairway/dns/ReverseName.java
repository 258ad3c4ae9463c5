// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import org.jspecify.annotations.Nullable;

/// `5.0.200.10.in-addr.arpa` (RFC 1035 section 3.5) and `....ip6.arpa` (RFC 3596 section 2.5): a
/// label is an octet there and a nibble here.
final class ReverseName {
  private static final Name IPV4 = Name.parse("in-addr.arpa");
  private static final Name IPV6 = Name.parse("ip6.arpa");

  private ReverseName() {}

  static Name of(IpAddress address) {
    return of(address.toPrefix());
  }

  /// The name of a prefix, whose length is rounded up to whole labels.
  static Name of(Prefix prefix) {
    int labelBits = labelBits(prefix.family());
    byte[] octets = prefix.address().bytes();
    Name name = prefix.family() == IpFamily.IPV4 ? IPV4 : IPV6;
    for (int bit = 0; bit < prefix.length(); bit += labelBits) {
      int octet = octets[bit / 8] & 255;
      name =
          labelBits == 8
              ? name.child(Integer.toString(octet))
              : name.child(Integer.toHexString(bit % 8 == 0 ? octet >>> 4 : octet & 15));
    }
    return name;
  }

  /// The prefix that a reverse name stands for, a single address if it is complete, or null if it
  /// is none.
  static @Nullable Prefix prefix(Name name) {
    IpFamily family;
    if (name.isWithin(IPV4)) {
      family = IpFamily.IPV4;
    } else if (name.isWithin(IPV6)) {
      family = IpFamily.IPV6;
    } else {
      return null;
    }
    int labelBits = labelBits(family);
    int labels = name.labelCount() - 2;
    if (labels * labelBits > family.addressBits()) {
      return null;
    }
    byte[] octets = new byte[family.addressBytes()];
    for (int i = 0; i < labels; i++) {
      int value = number(name.label(labels - 1 - i), family);
      if (value < 0) {
        return null;
      }
      int bit = i * labelBits;
      octets[bit / 8] |= (byte) (labelBits == 4 && bit % 8 == 0 ? value << 4 : value);
    }
    return new Prefix(IpAddress.ofBytes(octets), labels * labelBits);
  }

  /// The name of the zone that answers for a name within a prefix of ours.
  static Name apex(Prefix ours, Prefix asked) {
    int labelBits = labelBits(ours.family());
    int rounded = (ours.length() + labelBits - 1) / labelBits * labelBits;
    return of(new Prefix(asked.address(), Math.min(rounded, asked.length())));
  }

  private static int number(String label, IpFamily family) {
    int radix = family == IpFamily.IPV4 ? 10 : 16;
    int most = family == IpFamily.IPV4 ? 3 : 1;
    if (label.length() > most || (label.length() > 1 && label.charAt(0) == '0')) {
      return -1;
    }
    int value = 0;
    for (int i = 0; i < label.length(); i++) {
      int digit = Character.digit(label.charAt(i), radix);
      if (digit < 0) {
        return -1;
      }
      value = value * radix + digit;
    }
    return value <= 255 ? value : -1;
  }

  private static int labelBits(IpFamily family) {
    return family == IpFamily.IPV4 ? 8 : 4;
  }
}
