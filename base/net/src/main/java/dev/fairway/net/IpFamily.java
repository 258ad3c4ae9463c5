// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

/// The two IP families, with the numbers that the kernel and the wire give them.
public enum IpFamily {
  /// RFC 791. `AF_INET` of `linux/socket.h`.
  IPV4(4, 2, 4),
  /// RFC 8200. `AF_INET6` of `linux/socket.h`.
  IPV6(6, 10, 16);

  private final int version;
  private final int addressFamily;
  private final int addressBytes;

  IpFamily(int version, int addressFamily, int addressBytes) {
    this.version = version;
    this.addressFamily = addressFamily;
    this.addressBytes = addressBytes;
  }

  /// The version nibble of a packet: 4 or 6.
  public int version() {
    return version;
  }

  /// The kernel's `AF_*` number.
  public int addressFamily() {
    return addressFamily;
  }

  /// Octets in an address: 4 or 16.
  public int addressBytes() {
    return addressBytes;
  }

  /// Bits in an address: 32 or 128.
  public int addressBits() {
    return addressBytes * 8;
  }

  /// The family of the kernel's `AF_*` number.
  ///
  /// @throws IllegalArgumentException if the number names no IP family
  public static IpFamily ofAddressFamily(int addressFamily) {
    for (IpFamily family : values()) {
      if (family.addressFamily == addressFamily) {
        return family;
      }
    }
    throw new IllegalArgumentException("address family " + addressFamily + " is not an IP family");
  }
}
