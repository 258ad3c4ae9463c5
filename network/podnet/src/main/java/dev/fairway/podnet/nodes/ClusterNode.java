// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// A node that pods may live on.
///
/// @param name of the Node object
/// @param addresses where its machine is reached, at most one a family: the annotated public
///   address, else InternalIP; the first is of the family of this machine's own first
/// @param ranges of its pods, from `spec.podCIDRs`
/// @param tunnel how its VXLAN device is reached, if it announced one
/// @param sendsBy the backends it sends by, as far as it tells
/// @param wireGuard the public key of its WireGuard device, if it announced one
public record ClusterNode(
    String name,
    List<IpAddress> addresses,
    List<Prefix> ranges,
    Optional<Tunnel> tunnel,
    Set<BackendKind> sendsBy,
    Optional<WireGuardKey> wireGuard) {
  public ClusterNode {
    addresses = List.copyOf(addresses);
    ranges = List.copyOf(ranges);
    sendsBy = Set.copyOf(sendsBy);
  }

  /// A node without WireGuard.
  public ClusterNode(
      String name,
      List<IpAddress> addresses,
      List<Prefix> ranges,
      Optional<Tunnel> tunnel,
      Set<BackendKind> sendsBy) {
    this(name, addresses, ranges, tunnel, sendsBy, Optional.empty());
  }

  /// A node with an address of one family that sends by its device if it has one.
  public ClusterNode(String name, IpAddress address, List<Prefix> ranges, Optional<Tunnel> tunnel) {
    this(
        name,
        List.of(address),
        ranges,
        tunnel,
        tunnel.isPresent() ? Set.of(BackendKind.VXLAN) : Set.of());
  }

  /// Whether it sends to some nodes by its device, so that they must keep theirs.
  public boolean wraps() {
    return sendsBy.contains(BackendKind.VXLAN);
  }

  /// Whether it sends to some nodes as a router does, so that it takes what comes the same way.
  public boolean takesPlain() {
    return sendsBy.contains(BackendKind.ROUTES) || speaksBgp();
  }

  /// Whether BGP is one of the ways it sends by, so that it has to be told where our pods are.
  public boolean speaksBgp() {
    return sendsBy.contains(BackendKind.BGP);
  }

  /// Where its tunnel ends.
  public IpAddress address() {
    return addresses.getFirst();
  }

  public Optional<IpAddress> address(IpFamily family) {
    return addresses.stream().filter(address -> address.family() == family).findFirst();
  }

  /// The announcement of a VXLAN device.
  ///
  /// @param other of a flannel node that has a second device, for pods' packets of the other
  ///   family, that one's
  public record Tunnel(int vni, MacAddress mac, Optional<MacAddress> other) {
    /// A device that carries packets of both families.
    public Tunnel(int vni, MacAddress mac) {
      this(vni, mac, Optional.empty());
    }
  }
}
