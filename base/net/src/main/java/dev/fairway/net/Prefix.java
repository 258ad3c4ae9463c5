// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

/// An address range in CIDR form (RFC 4632). Host bits are cleared, so two prefixes that hold the
/// same addresses are equal.
///
/// @param address the first address
/// @param length how many leading bits are fixed, 0 to 32 or 128
public record Prefix(IpAddress address, int length) implements Comparable<Prefix> {
  public Prefix {
    int bits = address.family().addressBits();
    if (length < 0 || length > bits) {
      throw new IllegalArgumentException(
          "prefix length " + length + " of " + address + " is not from 0 to " + bits);
    }
    address = mask(address, length);
  }

  /// Reads `10.200.0.0/16` or `fd00::/48`. Host bits are cleared silently; use [#isCanonical] where
  /// a user's slip should be told.
  ///
  /// @throws IllegalArgumentException if the text is not a prefix; the message quotes it
  public static Prefix parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      throw new IllegalArgumentException("\"" + text + "\" is not a prefix: it has no /length");
    }
    IpAddress address = IpAddress.parse(text.substring(0, slash));
    return new Prefix(address, length(text, slash + 1, address.family()));
  }

  /// Whether the text names its own first address: true for `10.0.0.0/8`, false for `10.1.0.0/8`.
  public static boolean isCanonical(String text) {
    return parse(text).address.equals(IpAddress.parse(text.substring(0, text.indexOf('/'))));
  }

  private static int length(String text, int from, IpFamily family) {
    int value = -1;
    for (int i = from; i < text.length() && i < from + 3; i++) {
      char digit = text.charAt(i);
      if (digit < '0' || digit > '9' || (digit == '0' && i == from && text.length() > from + 1)) {
        value = -1;
        break;
      }
      value = Math.max(value, 0) * 10 + (digit - '0');
    }
    if (value < 0 || value > family.addressBits() || text.length() > from + 3) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a prefix: /length is from 0 to " + family.addressBits());
    }
    return value;
  }

  public IpFamily family() {
    return address.family();
  }

  /// The last address of the range.
  public IpAddress last() {
    int hostBits = family().addressBits() - length;
    if (family() == IpFamily.IPV4) {
      return new IpAddress(family(), 0, address.low() | lowBits(hostBits));
    }
    return new IpAddress(
        family(),
        address.high() | lowBits(Math.max(0, hostBits - 64)),
        address.low() | lowBits(Math.min(64, hostBits)));
  }

  public boolean contains(IpAddress candidate) {
    return candidate.family() == family() && mask(candidate, length).equals(address);
  }

  public boolean contains(Prefix other) {
    return other.length >= length && contains(other.address);
  }

  public boolean overlaps(Prefix other) {
    return contains(other) || other.contains(this);
  }

  /// How many addresses it holds, [Long#MAX_VALUE] where that does not fit.
  public long size() {
    int hostBits = family().addressBits() - length;
    return hostBits >= 63 ? Long.MAX_VALUE : 1L << hostBits;
  }

  /// The `index`-th address, counted from 0.
  ///
  /// @throws IndexOutOfBoundsException outside the range
  public IpAddress at(long index) {
    if (index < 0 || index >= size()) {
      throw new IndexOutOfBoundsException("address " + index + " of " + this);
    }
    return address.plus(index);
  }

  /// The `index`-th prefix of `subLength` bits inside this one.
  public Prefix subnet(int subLength, long index) {
    int indexBits = subLength - length;
    if (indexBits < 0 || index < 0 || (indexBits < 63 && index >= 1L << indexBits)) {
      throw new IndexOutOfBoundsException("subnet " + index + " of /" + subLength + " in " + this);
    }
    int shift = family().addressBits() - subLength;
    long high = address.high();
    long low = address.low();
    if (shift >= 64) {
      high |= index << (shift - 64);
    } else {
      low |= index << shift;
      if (shift > 0 && family() == IpFamily.IPV6) {
        high |= index >>> (64 - shift);
      }
    }
    return new Prefix(new IpAddress(family(), high, low), subLength);
  }

  @Override
  public int compareTo(Prefix other) {
    int byAddress = address.compareTo(other.address);
    return byAddress != 0 ? byAddress : Integer.compare(length, other.length);
  }

  @Override
  public String toString() {
    return address + "/" + length;
  }

  private static IpAddress mask(IpAddress address, int length) {
    if (address.family() == IpFamily.IPV4) {
      return new IpAddress(IpFamily.IPV4, 0, address.low() & ~lowBits(32 - length));
    }
    long high = address.high() & ~lowBits(Math.max(0, 64 - length));
    long low = address.low() & ~lowBits(Math.min(64, 128 - length));
    return new IpAddress(IpFamily.IPV6, high, low);
  }

  private static long lowBits(int count) {
    return count >= 64 ? -1L : (1L << count) - 1;
  }
}
