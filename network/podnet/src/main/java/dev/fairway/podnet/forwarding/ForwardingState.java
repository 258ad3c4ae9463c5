// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;

/// The part of a kernel's tables that brings packets to other nodes' pods.
///
/// @param tunnel the VXLAN device, if one is used
/// @param routes to other nodes' ranges, and what becomes of the rest of our own
/// @param neighbours the Ethernet addresses of next hops behind the tunnel
/// @param destinations the machines behind which those Ethernet addresses live
/// @param wireGuard the WireGuard device, if one is used
public record ForwardingState(
    Optional<TunnelDevice> tunnel,
    SequencedSet<RangeRoute> routes,
    SequencedSet<NextHop> neighbours,
    SequencedSet<Destination> destinations,
    Optional<WireGuardTunnel> wireGuard) {
  /// Of routes to other nodes' ranges. No other program is known to use this number
  /// (`/etc/iproute2/rt_protos` of iproute2).
  public static final int ROUTE_PROTOCOL = 87;

  public static final String TUNNEL_NAME = "fairway.1";

  /// Flannel's `flannel-v6.1`.
  public static final String SECOND_TUNNEL_NAME = "fairway-v6.1";

  /// Of routes by the second tunnel.
  public static final int SECOND_ROUTE_PROTOCOL = 89;

  public static final String WIREGUARD_NAME = "fairway.wg";

  public static final ForwardingState EMPTY =
      new ForwardingState(Optional.empty(), List.of(), List.of(), List.of());

  public ForwardingState(
      Optional<TunnelDevice> tunnel,
      List<RangeRoute> routes,
      List<NextHop> neighbours,
      List<Destination> destinations) {
    this(tunnel, routes, neighbours, destinations, Optional.empty());
  }

  public ForwardingState(
      Optional<TunnelDevice> tunnel,
      List<RangeRoute> routes,
      List<NextHop> neighbours,
      List<Destination> destinations,
      Optional<WireGuardTunnel> wireGuard) {
    this(
        tunnel,
        new LinkedHashSet<>(routes),
        new LinkedHashSet<>(neighbours),
        new LinkedHashSet<>(destinations),
        wireGuard);
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

    /// The kernel gives addresses in an order of its own.
    boolean sameDevice(TunnelDevice other) {
      return sameWire(other)
          && mtu == other.mtu
          && Set.copyOf(addresses).equals(Set.copyOf(other.addresses));
    }
  }

  /// A WireGuard device.
  ///
  /// @param key its public one, empty if it has none yet
  /// @param port where it listens, UDP
  /// @param addresses that packets of the machine itself come from
  /// @param peers the other machines, without counters
  public record WireGuardTunnel(
      Optional<WireGuardKey> key,
      int port,
      int mtu,
      List<IpAddress> addresses,
      Map<WireGuardKey, WireGuardPeer> peers) {
    public WireGuardTunnel {
      addresses = List.copyOf(addresses);
      peers = Map.copyOf(peers);
    }

    public static WireGuardTunnel of(
        Optional<WireGuardKey> key,
        int port,
        int mtu,
        List<IpAddress> addresses,
        List<WireGuardPeer> peers) {
      Map<WireGuardKey, WireGuardPeer> byKey = new LinkedHashMap<>();
      peers.forEach(peer -> byKey.put(peer.key(), withoutCounters(peer)));
      return new WireGuardTunnel(key, port, mtu, addresses, byKey);
    }

    private static WireGuardPeer withoutCounters(WireGuardPeer peer) {
      List<Prefix> ranges = peer.allowed().stream().sorted().toList();
      int keepalive = peer.keepaliveSeconds();
      return new WireGuardPeer(peer.key(), peer.endpoint(), ranges, keepalive, 0, 0, 0);
    }

    boolean sameDevice(WireGuardTunnel other) {
      return key.equals(other.key)
          && port == other.port
          && mtu == other.mtu
          && Set.copyOf(addresses).equals(Set.copyOf(other.addresses));
    }
  }

  /// Which device a route leaves by.
  public enum Way {
    UNDERLAY,
    TUNNEL,
    WIREGUARD,
    /// One that is neither, such as the underlay of another time. Only found, never wanted.
    ELSEWHERE,
    /// None: the sender is told that nobody is there.
    UNREACHABLE
  }

  /// A route to a range of pods.
  ///
  /// @param range the destination
  /// @param way the device
  /// @param gateway the next hop, empty for UNREACHABLE and WIREGUARD
  public record RangeRoute(Prefix range, Way way, Optional<IpAddress> gateway) {}

  /// The Ethernet address of a next hop behind the tunnel.
  public record NextHop(IpAddress address, MacAddress mac) {}

  /// The machine behind which an Ethernet address lives.
  public record Destination(MacAddress mac, IpAddress machine) {}
}
