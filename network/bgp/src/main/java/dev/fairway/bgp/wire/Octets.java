// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What several messages have in common: numbers, addresses, prefixes.
final class Octets {
  static final int HEADER_LENGTH = 19;
  static final int UNICAST = 1; // SAFI, RFC 4760 6
  static final int AS_TRANS = 23456; // RFC 6793 9

  private Octets() {}

  static int u8(ByteBuffer from) {
    return from.get() & 0xff;
  }

  static int u16(ByteBuffer from) {
    return from.getShort() & 0xffff;
  }

  static long u32(ByteBuffer from) {
    return from.getInt() & 0xffff_ffffL;
  }

  /// The next octets as a buffer of their own; the caller knows that they are there.
  static ByteBuffer take(ByteBuffer from, int length) {
    ByteBuffer part = from.slice(from.position(), length);
    from.position(from.position() + length);
    return part;
  }

  static byte[] rest(ByteBuffer from) {
    byte[] octets = new byte[from.remaining()];
    from.get(octets);
    return octets;
  }

  static IpAddress ipv4(ByteBuffer from) {
    return IpAddress.ofIpv4(from.getInt());
  }

  static IpAddress ipv6(ByteBuffer from) {
    return new IpAddress(IpFamily.IPV6, from.getLong(), from.getLong());
  }

  static void put(ByteBuffer into, IpAddress address) {
    if (address.family() == IpFamily.IPV4) {
      into.putInt((int) address.low());
    } else {
      into.putLong(address.high()).putLong(address.low());
    }
  }

  /// The address family identifier of RFC 4760.
  static int afi(IpFamily family) {
    return family == IpFamily.IPV4 ? 1 : 2;
  }

  static Optional<IpFamily> family(int afi, int safi) {
    if (safi != UNICAST) {
      return Optional.empty();
    }
    return switch (afi) {
      case 1 -> Optional.of(IpFamily.IPV4);
      case 2 -> Optional.of(IpFamily.IPV6);
      default -> Optional.empty();
    };
  }

  /// Prefixes up to the end of the buffer (RFC 4271 4.3).
  ///
  /// @return null if one is longer than its family's addresses or than the buffer
  static @org.jspecify.annotations.Nullable List<Prefix> prefixes(
      ByteBuffer from, IpFamily family) {
    List<Prefix> prefixes = new ArrayList<>();
    while (from.hasRemaining()) {
      int length = u8(from);
      int octets = (length + 7) / 8;
      if (length > family.addressBits() || octets > from.remaining()) {
        return null;
      }
      prefixes.add(new Prefix(address(from, octets, family), length));
    }
    return prefixes;
  }

  private static IpAddress address(ByteBuffer from, int octets, IpFamily family) {
    long high = 0;
    long low = 0;
    if (family == IpFamily.IPV4) {
      for (int i = 0; i < octets; i++) {
        low |= (long) u8(from) << (24 - 8 * i);
      }
    } else {
      for (int i = 0; i < octets; i++) {
        if (i < 8) {
          high |= (long) u8(from) << (56 - 8 * i);
        } else {
          low |= (long) u8(from) << (120 - 8 * i);
        }
      }
    }
    return new IpAddress(family, high, low);
  }

  static int size(Prefix prefix) {
    return 1 + (prefix.length() + 7) / 8;
  }

  static void put(ByteBuffer into, Prefix prefix) {
    into.put((byte) prefix.length());
    int octets = (prefix.length() + 7) / 8;
    IpAddress address = prefix.address();
    if (address.family() == IpFamily.IPV4) {
      for (int i = 0; i < octets; i++) {
        into.put((byte) (address.low() >>> (24 - 8 * i)));
      }
    } else {
      for (int i = 0; i < octets; i++) {
        into.put(
            (byte) (i < 8 ? address.high() >>> (56 - 8 * i) : address.low() >>> (120 - 8 * i)));
      }
    }
  }
}
