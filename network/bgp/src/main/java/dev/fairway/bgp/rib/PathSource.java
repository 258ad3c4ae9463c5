// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.rib;

import dev.fairway.net.IpAddress;

/// Where a path came from, as far as decisions depend on it. Compared by identity.
public final class PathSource {
  private final Kind kind;
  private final IpAddress address;
  private final boolean reflectorClient;
  private IpAddress routerId;

  /// How a path came to be known.
  public enum Kind {
    /// This machine originates it.
    LOCAL,
    EXTERNAL,
    INTERNAL
  }

  /// @param address of the neighbour
  /// @param reflectorClient whether it is a client of ours (RFC 4456)
  /// @param routerId its BGP identifier
  public PathSource(Kind kind, IpAddress address, boolean reflectorClient, IpAddress routerId) {
    this.kind = kind;
    this.address = address;
    this.reflectorClient = reflectorClient;
    this.routerId = routerId;
  }

  public Kind kind() {
    return kind;
  }

  public IpAddress address() {
    return address;
  }

  public boolean reflectorClient() {
    return reflectorClient;
  }

  public IpAddress routerId() {
    return routerId;
  }

  /// The neighbour has come back with another identifier.
  public void routerId(IpAddress id) {
    routerId = id;
  }
}
