// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.List;

/// Gives the machine the service address that the server listens at, so that every node answers its
/// own pods without a hop.
public final class LocalAddresses {
  private LocalAddresses() {}

  /// Puts the addresses on `lo` of the caller's namespace, each alone in its prefix, and sets the
  /// link up. Doing it again changes nothing.
  ///
  /// @throws dev.fairway.linux.KernelException if the kernel refuses
  public static void ensure(List<IpAddress> addresses) {
    try (RouteNetlink netlink = RouteNetlink.open()) {
      ensure(netlink, addresses);
    }
  }

  /// The same in another namespace.
  public static void ensure(NetworkNamespace namespace, List<IpAddress> addresses) {
    try (RouteNetlink netlink = RouteNetlink.open(namespace)) {
      ensure(netlink, addresses);
    }
  }

  private static void ensure(RouteNetlink netlink, List<IpAddress> addresses) {
    Link loopback =
        netlink
            .link("lo")
            .orElseThrow(() -> new IllegalStateException("this namespace has no link lo"));
    List<RouteRequest> requests = new ArrayList<>();
    requests.add(RouteRequest.ChangeLink.of("lo").setUp());
    for (IpAddress address : addresses) {
      requests.add(
          new RouteRequest.PutAddress(
              LinkAddress.of(loopback.index(), address, address.family().addressBits())));
    }
    netlink.apply(requests);
  }
}
