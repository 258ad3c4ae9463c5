// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

/// A 48-bit Ethernet address (IEEE 802).
///
/// @param bits the address in the low 48 bits
public record MacAddress(long bits) {
  public static final int BYTES = 6;

  public MacAddress {
    if (bits >>> 48 != 0) {
      throw new IllegalArgumentException("a MAC address has 48 bits");
    }
  }

  /// Reads `0a:58:0a:c8:00:02`.
  ///
  /// @throws IllegalArgumentException if the text is not six pairs of hex digits
  public static MacAddress parse(String text) {
    if (text.length() != 17) {
      throw notAMac(text);
    }
    long bits = 0;
    for (int i = 0; i < BYTES; i++) {
      int upper = Character.digit(text.charAt(i * 3), 16);
      int lower = Character.digit(text.charAt(i * 3 + 1), 16);
      if (upper < 0 || lower < 0 || (i < BYTES - 1 && text.charAt(i * 3 + 2) != ':')) {
        throw notAMac(text);
      }
      bits = bits << 8 | (upper << 4 | lower);
    }
    return new MacAddress(bits);
  }

  /// From six octets as on the wire.
  public static MacAddress ofBytes(byte[] octets) {
    if (octets.length != BYTES) {
      throw new IllegalArgumentException("a MAC address has 6 octets, not " + octets.length);
    }
    long bits = 0;
    for (byte octet : octets) {
      bits = bits << 8 | (octet & 0xff);
    }
    return new MacAddress(bits);
  }

  /// A locally administered unicast address that is the same for the same IPv4 address, so that it
  /// needs no lookup: `0a:58` and then the four octets.
  public static MacAddress ofIpv4(IpAddress address) {
    return new MacAddress(0x0a58_0000_0000L | (address.ipv4Bits() & 0xffff_ffffL));
  }

  public byte[] bytes() {
    byte[] octets = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      octets[i] = (byte) (bits >>> (8 * (BYTES - 1 - i)));
    }
    return octets;
  }

  private static IllegalArgumentException notAMac(String text) {
    return new IllegalArgumentException("\"" + text + "\" is not a MAC address");
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(17);
    for (byte octet : bytes()) {
      if (!text.isEmpty()) {
        text.append(':');
      }
      text.append(Character.forDigit(octet >> 4 & 15, 16))
          .append(Character.forDigit(octet & 15, 16));
    }
    return text.toString();
  }
}
