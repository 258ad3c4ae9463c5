// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// All that a speaker should be and do. Each change is a new whole value.
///
/// @param localAs the AS number of this machine, 1 to 4294967295 (RFC 6793)
/// @param routerId the BGP identifier, an IPv4 address that no other speaker has
/// @param listen where neighbours may connect to, usually port 179; empty to only connect out
/// @param peers neighbours that are known by their address
/// @param dynamicPeers neighbours that are known only by a range; they connect to us
/// @param advertisements prefixes that this machine originates
/// @param nextHops own addresses, at most one a family, given as next hop where the session's own
///   address is of the other family
/// @param multipath how many equal routes may share the traffic of one prefix
/// @param clusterId the cluster of a route reflector (RFC 4456); the router id if absent
/// @param gracefulRestart what neighbours should do while this speaker restarts
public record BgpSettings(
    long localAs,
    IpAddress routerId,
    List<TransportAddress> listen,
    List<PeerSettings> peers,
    List<DynamicPeers> dynamicPeers,
    List<Advertisement> advertisements,
    Set<IpAddress> nextHops,
    Multipath multipath,
    Optional<IpAddress> clusterId,
    GracefulRestart gracefulRestart) {
  private static final long LARGEST_AS = 0xffff_ffffL;

  public BgpSettings {
    requireAs(localAs, "the local AS");
    requireIdentifier(routerId, "the router id");
    clusterId.ifPresent(id -> requireIdentifier(id, "the cluster id"));
    listen = List.copyOf(listen);
    peers = List.copyOf(peers);
    dynamicPeers = List.copyOf(dynamicPeers);
    advertisements = List.copyOf(advertisements);
    nextHops = Set.copyOf(nextHops);
    Set<IpAddress> addresses = new HashSet<>();
    for (PeerSettings peer : peers) {
      if (!addresses.add(peer.address())) {
        throw new IllegalArgumentException("peer " + peer.address() + " is given twice");
      }
    }
    if (nextHops.stream().map(IpAddress::family).distinct().count() < nextHops.size()) {
      throw new IllegalArgumentException("next hops " + nextHops + ": one a family is possible");
    }
  }

  /// A speaker without neighbours.
  public static BgpSettings of(long localAs, IpAddress routerId) {
    return new BgpSettings(
        localAs,
        routerId,
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        Set.of(),
        Multipath.DEFAULT,
        Optional.empty(),
        GracefulRestart.DEFAULT);
  }

  /// @throws IllegalArgumentException unless it can be an AS number
  static void requireAs(long as, String what) {
    if (as < 1 || as > LARGEST_AS) {
      throw new IllegalArgumentException(
          what + " is " + as + ", but AS numbers are from 1 to " + LARGEST_AS);
    }
  }

  private static void requireIdentifier(IpAddress id, String what) {
    if (id.family() != IpFamily.IPV4 || id.isUnspecified()) {
      throw new IllegalArgumentException(
          what + " is " + id + ", but it must be an IPv4 address other than 0.0.0.0");
    }
  }

  public BgpSettings withListen(TransportAddress... addresses) {
    return new BgpSettings(
        localAs,
        routerId,
        List.of(addresses),
        peers,
        dynamicPeers,
        advertisements,
        nextHops,
        multipath,
        clusterId,
        gracefulRestart);
  }

  public BgpSettings withPeers(List<PeerSettings> newPeers) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        newPeers,
        dynamicPeers,
        advertisements,
        nextHops,
        multipath,
        clusterId,
        gracefulRestart);
  }

  public BgpSettings withPeers(PeerSettings... newPeers) {
    return withPeers(List.of(newPeers));
  }

  public BgpSettings withDynamicPeers(DynamicPeers... ranges) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        peers,
        List.of(ranges),
        advertisements,
        nextHops,
        multipath,
        clusterId,
        gracefulRestart);
  }

  public BgpSettings withAdvertisements(List<Advertisement> newAdvertisements) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        peers,
        dynamicPeers,
        newAdvertisements,
        nextHops,
        multipath,
        clusterId,
        gracefulRestart);
  }

  public BgpSettings withNextHops(IpAddress... addresses) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        peers,
        dynamicPeers,
        advertisements,
        Set.of(addresses),
        multipath,
        clusterId,
        gracefulRestart);
  }

  public BgpSettings withMultipath(Multipath newMultipath) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        peers,
        dynamicPeers,
        advertisements,
        nextHops,
        newMultipath,
        clusterId,
        gracefulRestart);
  }

  public BgpSettings withClusterId(IpAddress id) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        peers,
        dynamicPeers,
        advertisements,
        nextHops,
        multipath,
        Optional.of(id),
        gracefulRestart);
  }

  public BgpSettings withGracefulRestart(GracefulRestart newGracefulRestart) {
    return new BgpSettings(
        localAs,
        routerId,
        listen,
        peers,
        dynamicPeers,
        advertisements,
        nextHops,
        multipath,
        clusterId,
        newGracefulRestart);
  }
}
