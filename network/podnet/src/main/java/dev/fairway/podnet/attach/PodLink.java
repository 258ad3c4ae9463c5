// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.linux.Link;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A pod as the machine's kernel knows it: what [PodWire] left there, whoever's agent made it.
///
/// @param index of the machine's end of the wire
/// @param name of that end
/// @param mac of the pod's end
/// @param addresses of the pod, those that are routed to it
/// @param shaped whether something queues or filters on the link, such as a bandwidth limit
/// @param pod whose it is, `namespace/name`; empty if nobody said
public record PodLink(
    int index, String name, MacAddress mac, List<IpAddress> addresses, boolean shaped, String pod) {
  public PodLink {
    addresses = List.copyOf(addresses);
  }

  /// All that are connected now.
  public static List<PodLink> read(RouteNetlink netlink) {
    return read(netlink, netlink.links(), netlink.routes());
  }

  /// As [#read(RouteNetlink)], by what the caller has read already.
  public static List<PodLink> read(
      RouteNetlink netlink, List<Link> allLinks, List<Route> allRoutes) {
    Map<Integer, Link> links = new HashMap<>();
    Map<Integer, List<IpAddress>> addresses = new HashMap<>();
    Map<IpAddress, MacAddress> macs = new HashMap<>();
    for (Link link : allLinks) {
      if (Wire.isHostName(link.name()) && PodWire.isWhole(link) && link.up()) {
        links.put(link.index(), link);
        addresses.put(link.index(), new ArrayList<>());
      }
    }
    if (links.isEmpty()) {
      return List.of();
    }
    for (Neighbour neighbour : netlink.neighbours()) {
      if (neighbour.permanent() && neighbour.mac() != null && links.containsKey(neighbour.link())) {
        macs.put(neighbour.address(), neighbour.mac());
      }
    }
    for (Route route : allRoutes) {
      List<IpAddress> ofLink = addresses.get(route.link());
      IpAddress address = route.destination().address();
      if (ofLink != null
          && route.protocol() == WirePlan.ROUTE_PROTOCOL
          && macs.containsKey(address)) {
        ofLink.add(address);
      }
    }
    Set<Integer> shaped = netlink.shapedLinks();
    List<PodLink> pods = new ArrayList<>();
    for (Link link : links.values()) {
      List<IpAddress> ofLink = addresses.getOrDefault(link.index(), List.of());
      @Nullable MacAddress mac = ofLink.isEmpty() ? null : macs.get(ofLink.getFirst());
      if (mac != null) {
        pods.add(
            new PodLink(
                link.index(),
                link.name(),
                mac,
                ofLink,
                shaped.contains(link.index()),
                podOf(link.alias())));
      }
    }
    return pods;
  }

  /// The first word of an alias; other names of the pod may follow.
  public static String podOf(String alias) {
    int space = alias.indexOf(' ');
    return space < 0 ? alias : alias.substring(0, space);
  }
}
