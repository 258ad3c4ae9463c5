// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

import org.jspecify.annotations.Nullable;

/// An address and a port: where a transport connection ends.
///
/// @param address the IP address
/// @param port 0 to 65535; 0 stands for "any" where a protocol says so
public record TransportAddress(IpAddress address, int port)
    implements Comparable<TransportAddress> {
  public TransportAddress {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port " + port + " is not from 0 to 65535");
    }
  }

  @Override
  public int hashCode() {
    return 31 * address.hashCode() + port;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof TransportAddress that
        && port == that.port
        && address.equals(that.address);
  }

  @Override
  public int compareTo(TransportAddress other) {
    int byAddress = address.compareTo(other.address);
    return byAddress != 0 ? byAddress : Integer.compare(port, other.port);
  }

  @Override
  public String toString() {
    return address.family() == IpFamily.IPV6 ? "[" + address + "]:" + port : address + ":" + port;
  }
}
