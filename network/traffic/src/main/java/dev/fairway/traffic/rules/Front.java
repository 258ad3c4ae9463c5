// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.util.Comparator;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Where clients connect to: a cluster address, a node's address with a node port, or an external
/// address.
public record Front(IpAddress address, Protocol protocol, int port) implements Comparable<Front> {
  private static final Comparator<Front> ORDER =
      Comparator.comparing(Front::address)
          .thenComparingInt(Front::port)
          .thenComparing(Front::protocol);

  public Front {
    if (port < 1 || port > 65535) {
      throw new IllegalArgumentException("port " + port + " is not from 1 to 65535");
    }
  }

  /// Fronts are the keys of everything; what the compiler makes of a record is slower until it has
  /// been optimised, and an agent that starts has no time for that.
  @Override
  public int hashCode() {
    return 31 * (31 * address.hashCode() + port) + protocol.number();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Front that
        && port == that.port
        && protocol == that.protocol
        && address.equals(that.address);
  }

  public IpFamily family() {
    return address.family();
  }

  @Override
  public int compareTo(Front other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return new TransportAddress(address, port) + "/" + protocol.name().toLowerCase(Locale.ROOT);
  }
}
