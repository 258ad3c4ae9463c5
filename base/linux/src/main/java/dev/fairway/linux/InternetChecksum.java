// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// The checksum of IP, ICMP, IGMP, TCP and UDP (RFC 1071).
public final class InternetChecksum {
  private InternetChecksum() {}

  /// Of some bytes, among which the place for the checksum holds 0 or the sum of a pseudo-header.
  ///
  /// @return 16 bits, never 0, which UDP has for "none": 0xffff means the same
  public static int of(byte[] bytes, int from, int length) {
    long sum = 0;
    for (int i = 0; i < length; i++) {
      int octet = bytes[from + i] & 255;
      sum += (i & 1) == 0 ? octet << 8 : octet;
    }
    while (sum >>> 16 != 0) {
      sum = (sum & 0xffff) + (sum >>> 16);
    }
    int checksum = (int) ~sum & 0xffff;
    return checksum == 0 ? 0xffff : checksum;
  }
}
