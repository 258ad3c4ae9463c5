// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutNeighbour;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;

/// Pods as the pod network makes them, without it.
final class RoutedPod {
  private static final IpAddress GATEWAY = IpAddress.parse("169.254.1.1");
  private static final MacAddress GATEWAY_MAC = MacAddress.parse("ee:ee:ee:ee:ee:ee");

  private RoutedPod() {}

  /// A pod on a node: a /32 behind a link-local gateway.
  static NetworkNamespace on(NetworkNamespace node, IpAddress address, int hostLink) {
    NetworkNamespace pod = NetworkNamespace.createAnonymous();
    MacAddress mac = MacAddress.ofIpv4(address);
    try (RouteNetlink inPod = RouteNetlink.open(pod);
        RouteNetlink inNode = RouteNetlink.open(node)) {
      inPod.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(2).withMac(mac).withUp(),
              LinkSpec.named("pod" + hostLink).withIndex(hostLink).withMac(GATEWAY_MAC).in(node)),
          new PutAddress(LinkAddress.of(2, address, 32)),
          new PutNeighbour(Neighbour.of(2, GATEWAY, GATEWAY_MAC)));
      inNode.apply(
          ChangeLink.of("lo").setUp(),
          ChangeLink.of(hostLink).setUp(),
          new PutRoute(Route.to(address.toPrefix()).on(hostLink)),
          new PutNeighbour(Neighbour.of(hostLink, address, mac)));
      inPod.apply(
          new PutRoute(Route.to(GATEWAY.toPrefix()).on(2)),
          new PutRoute(Route.to(Prefix.parse("0.0.0.0/0")).via(GATEWAY).on(2)));
    }
    return pod;
  }
}
