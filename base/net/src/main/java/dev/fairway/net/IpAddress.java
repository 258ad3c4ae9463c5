// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/// An IP address of either family, without a zone.
///
/// Held as 128 bits in two words; an IPv4 address uses the low 32 bits of `low` and leaves `high`
/// zero. The text form is dotted decimal (RFC 791) or RFC 5952.
///
/// @param family which family it is of
/// @param high the upper 64 bits, zero for IPv4
/// @param low the lower 64 bits, at most 32 of them used for IPv4
public record IpAddress(IpFamily family, long high, long low) implements Comparable<IpAddress> {
  public IpAddress {
    if (family == IpFamily.IPV4 && (high != 0 || low >>> 32 != 0)) {
      throw new IllegalArgumentException("an IPv4 address has 32 bits");
    }
  }

  /// An IPv4 address from its 32 bits in network order, `0x0a000001` for 10.0.0.1.
  public static IpAddress ofIpv4(int bits) {
    return new IpAddress(IpFamily.IPV4, 0, bits & 0xffff_ffffL);
  }

  /// An address from 4 or 16 octets in network order.
  ///
  /// @throws IllegalArgumentException if there are neither 4 nor 16
  public static IpAddress ofBytes(byte[] octets) {
    return switch (octets.length) {
      case 4 -> new IpAddress(IpFamily.IPV4, 0, word(octets, 0, 4));
      case 16 -> new IpAddress(IpFamily.IPV6, word(octets, 0, 8), word(octets, 8, 8));
      default ->
          throw new IllegalArgumentException(
              "an IP address has 4 or 16 octets, not " + octets.length);
    };
  }

  /// Reads an address as people write it; never asks a name server.
  ///
  /// @throws IllegalArgumentException if the text is not an address; the message quotes it
  public static IpAddress parse(String text) {
    if (text.indexOf(':') >= 0) {
      return Ipv6Text.parse(text);
    }
    int bits = 0;
    int octets = 0;
    int at = 0;
    while (true) {
      int start = at;
      int octet = 0;
      while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
        octet = octet * 10 + (text.charAt(at) - '0');
        at++;
        if (at - start > 3) {
          throw notAnAddress(text);
        }
      }
      boolean leadingZero = at - start > 1 && text.charAt(start) == '0';
      if (at == start || octet > 255 || leadingZero) {
        throw notAnAddress(text);
      }
      bits = bits << 8 | octet;
      octets++;
      if (octets == 4) {
        break;
      }
      if (at == text.length() || text.charAt(at) != '.') {
        throw notAnAddress(text);
      }
      at++;
    }
    if (at != text.length()) {
      throw notAnAddress(text);
    }
    return ofIpv4(bits);
  }

  static IllegalArgumentException notAnAddress(String text) {
    return new IllegalArgumentException("\"" + text + "\" is not an IP address");
  }

  /// The octets in network order: 4 or 16 of them.
  public byte[] bytes() {
    int length = family.addressBytes();
    byte[] octets = new byte[length];
    for (int i = 0; i < length; i++) {
      int fromEnd = length - 1 - i;
      long word = fromEnd < 8 ? low : high;
      octets[i] = (byte) (word >>> (8 * (fromEnd & 7)));
    }
    return octets;
  }

  /// The 32 bits of an IPv4 address in network order.
  ///
  /// @throws IllegalStateException on an IPv6 address
  public int ipv4Bits() {
    if (family != IpFamily.IPV4) {
      throw new IllegalStateException(this + " is not an IPv4 address");
    }
    return (int) low;
  }

  /// The address `count` after this one, wrapping in its family.
  public IpAddress plus(long count) {
    if (family == IpFamily.IPV4) {
      return new IpAddress(family, 0, (low + count) & 0xffff_ffffL);
    }
    long sum = low + count;
    long carry = count >= 0 && Long.compareUnsigned(sum, low) < 0 ? 1 : 0;
    long borrow = count < 0 && Long.compareUnsigned(sum, low) > 0 ? 1 : 0;
    return new IpAddress(family, high + carry - borrow, sum);
  }

  /// How many addresses lie from `other` to this one; exact while it fits in 63 bits.
  public long minus(IpAddress other) {
    return low - other.low;
  }

  /// Whether it is an IPv4 address in IPv6's writing, `::ffff:0:0/96` (RFC 4291 section 2.5.5.2),
  /// which sockets take for the IPv4 address.
  public boolean isIpv4Mapped() {
    return family == IpFamily.IPV6 && high == 0 && low >>> 32 == 0xffff;
  }

  public boolean isLoopback() {
    return switch (family) {
      case IPV4 -> low >>> 24 == 127;
      case IPV6 -> high == 0 && low == 1;
    };
  }

  public boolean isUnspecified() {
    return high == 0 && low == 0;
  }

  public boolean isMulticast() {
    return switch (family) {
      case IPV4 -> low >>> 28 == 0xe;
      case IPV6 -> high >>> 56 == 0xff;
    };
  }

  /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291).
  public boolean isLinkLocal() {
    return switch (family) {
      case IPV4 -> low >>> 16 == 0xa9fe;
      case IPV6 -> high >>> 54 == 0xfe80 >>> 6;
    };
  }

  /// The same address for `java.net`.
  public InetAddress toInetAddress() {
    try {
      return InetAddress.getByAddress(bytes());
    } catch (UnknownHostException e) {
      throw new AssertionError("4 or 16 octets are always an address", e);
    }
  }

  /// The prefix that holds this address alone: /32 or /128.
  public Prefix toPrefix() {
    return new Prefix(this, family.addressBits());
  }

  /// Addresses that are told apart mostly have their differences in a few bits in the middle, those
  /// of networks: they must come to all of the hash, or tables of them become lists.
  @Override
  public int hashCode() {
    long mixed = (high * 31 + low) * 0x9e37_79b9_7f4a_7c15L; // 2^64 by the golden ratio
    return (int) (mixed >>> 32);
  }

  /// What the compiler makes of a record is slower until it has been optimised, and these are
  /// compared by the ten thousand in programs that have just started.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof IpAddress that
        && low == that.low
        && high == that.high
        && family == that.family;
  }

  @Override
  public int compareTo(IpAddress other) {
    int byFamily = family.compareTo(other.family);
    if (byFamily != 0) {
      return byFamily;
    }
    int byHigh = Long.compareUnsigned(high, other.high);
    return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
  }

  @Override
  public String toString() {
    if (family == IpFamily.IPV4) {
      return (low >>> 24) + "." + (low >>> 16 & 255) + "." + (low >>> 8 & 255) + "." + (low & 255);
    }
    return Ipv6Text.format(high, low);
  }

  private static long word(byte[] octets, int from, int count) {
    long word = 0;
    for (int i = from; i < from + count; i++) {
      word = word << 8 | (octets[i] & 0xff);
    }
    return word;
  }
}
