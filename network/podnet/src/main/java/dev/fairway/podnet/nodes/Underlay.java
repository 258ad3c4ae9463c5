// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.linux.LinkAddress;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Optional;

/// The network between the machines, as this one is on it.
///
/// @param link index of the device
/// @param mtu of the device, bytes
/// @param address of this machine; other machines' tunnels end there
/// @param addresses of the device in both families, with the lengths of their networks
public record Underlay(int link, int mtu, IpAddress address, List<LinkAddress> addresses) {
  public Underlay {
    addresses = List.copyOf(addresses);
  }

  /// A machine of whose networks nothing is known.
  public Underlay(int link, int mtu, IpAddress address) {
    this(link, mtu, address, List.of());
  }

  /// This machine's address of a family.
  public Optional<IpAddress> address(IpFamily family) {
    if (address.family() == family) {
      return Optional.of(address);
    }
    return addresses.stream()
        .map(LinkAddress::address)
        .filter(own -> own.family() == family && !own.isLinkLocal())
        .findFirst();
  }

  /// What a tunnel between the machines' addresses leaves of the MTU, bytes.
  ///
  /// @param overhead of the tunnel behind the outer IP header, bytes
  public int tunnelMtu(int overhead) {
    int header =
        switch (address.family()) {
          case IPV4 -> 20;
          case IPV6 -> 40;
        };
    return mtu - header - overhead;
  }

  /// Whether a machine is known to be beyond a router, so that a plain route cannot name it.
  public boolean isFar(IpAddress machine) {
    boolean known = false;
    for (LinkAddress own : addresses) {
      if (own.address().family() == machine.family()) {
        if (own.network().contains(machine)) {
          return false;
        }
        known = true;
      }
    }
    return known;
  }

  /// Whether an address is that of a whole network of this machine, or of all machines on it.
  public boolean isOfNoMachine(IpAddress machine) {
    return machine.family() == IpFamily.IPV4
        && addresses.stream()
            .map(LinkAddress::network)
            .filter(network -> network.contains(machine) && network.length() < 31)
            .anyMatch(
                network -> network.address().equals(machine) || network.last().equals(machine));
  }

  /// The network that this machine's first address is on; its address alone if that is not known.
  public Prefix network() {
    return addresses.stream()
        .filter(own -> own.address().equals(address))
        .map(LinkAddress::network)
        .findFirst()
        .orElse(address.toPrefix());
  }
}
