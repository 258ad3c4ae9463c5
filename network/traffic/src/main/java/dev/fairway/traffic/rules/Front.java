// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.util.Comparator;
import java.util.Locale;

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
