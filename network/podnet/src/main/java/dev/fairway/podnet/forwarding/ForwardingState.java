// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.SequencedSet;

/// The part of a kernel's tables that brings packets to other nodes' pods.
///
/// @param tunnel the VXLAN device, if one is used
/// @param routes to other nodes' ranges, and what becomes of the rest of our own
/// @param neighbours the Ethernet addresses of next hops behind the tunnel
/// @param destinations the machines behind which those Ethernet addresses live
public record ForwardingState(
    Optional<TunnelDevice> tunnel,
    SequencedSet<RangeRoute> routes,
    SequencedSet<NextHop> neighbours,
    SequencedSet<Destination> destinations) {
  /// Of routes to other nodes' ranges. No other program is known to use this number
  /// (`/etc/iproute2/rt_protos` of iproute2).
  public static final int ROUTE_PROTOCOL = 87;

  public static final String TUNNEL_NAME = "fairway.1";

  public static final ForwardingState EMPTY =
      new ForwardingState(Optional.empty(), List.of(), List.of(), List.of());

  public ForwardingState(
      Optional<TunnelDevice> tunnel,
      List<RangeRoute> routes,
      List<NextHop> neighbours,
      List<Destination> destinations) {
    this(
        tunnel,
        new LinkedHashSet<>(routes),
        new LinkedHashSet<>(neighbours),
        new LinkedHashSet<>(destinations));
  }

  /// A VXLAN device. The first four cannot be changed while it exists, and a new MAC would make the
  /// kernel forget the next hops.
  public record TunnelDevice(
      int vni,
      int port,
      IpAddress local,
      int underlay,
      MacAddress mac,
      int mtu,
      List<IpAddress> addresses) {
    public TunnelDevice {
      addresses = List.copyOf(addresses);
    }

    boolean sameWire(TunnelDevice other) {
      return vni == other.vni
          && port == other.port
          && local.equals(other.local)
          && underlay == other.underlay
          && mac.equals(other.mac);
    }
  }

  /// Which device a route leaves by.
  public enum Way {
    UNDERLAY,
    TUNNEL,
    /// One that is neither, such as the underlay of another time. Only found, never wanted.
    ELSEWHERE,
    /// None: the sender is told that nobody is there.
    UNREACHABLE
  }

  /// A route to a range of pods.
  ///
  /// @param range the destination
  /// @param way the device
  /// @param gateway the next hop, empty only for UNREACHABLE
  public record RangeRoute(Prefix range, Way way, Optional<IpAddress> gateway) {}

  /// The Ethernet address of a next hop behind the tunnel.
  public record NextHop(IpAddress address, MacAddress mac) {}

  /// The machine behind which an Ethernet address lives.
  public record Destination(MacAddress mac, IpAddress machine) {}
}
