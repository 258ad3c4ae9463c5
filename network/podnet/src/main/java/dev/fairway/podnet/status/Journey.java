// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.status.NodeStatus.End;
import dev.fairway.podnet.status.NodeStatus.OtherNode;
import dev.fairway.podnet.status.NodeStatus.Pod;
import dev.fairway.podnet.status.NodeStatus.Route;
import dev.fairway.podnet.status.NodeStatus.Tunnel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The way of a packet between two pods or nodes, followed through what their agents see. Pure.
///
/// It stops where the packet would. Policy and Services are not looked at: this is about whether a
/// packet can get there, not whether it may.
///
/// @param from who sends, as `default/a 10.200.0.2 on worker-0`
/// @param to who should get it
/// @param hops each device and table on the way, up to the one that is broken
public record Journey(String from, String to, List<Hop> hops) {
  public Journey {
    hops = List.copyOf(hops);
  }

  /// One device or table on the way.
  ///
  /// @param node where it is
  /// @param what is there
  /// @param why the packet gets no further; empty if it does
  /// @param mend what to do about that; empty if nothing is known
  public record Hop(String node, String what, String why, String mend) {}

  /// Whether the packet arrives.
  public boolean arrives() {
    return hops.stream().allMatch(hop -> hop.why().isEmpty());
  }

  /// An end of the way. The pod is null where the end is the node itself.
  private record Place(NodeStatus node, @Nullable Pod pod, String address) {
    @Override
    public String toString() {
      return pod == null
          ? node.node() + " " + address
          : (pod.pod().isEmpty() ? pod.containerId() : pod.pod())
              + " "
              + address
              + " on "
              + node.node();
    }
  }

  /// Follows a packet.
  ///
  /// @param statuses of all nodes that answered
  /// @param from a node's name, a pod's `namespace/name`, its name alone if only one has it, or an
  ///   address of either
  /// @param to as `from`
  /// @param family of the packet
  /// @throws IllegalArgumentException if there is no such node or pod, several, or none of the
  ///   family's addresses; the message tells
  public static Journey between(
      Collection<NodeStatus> statuses, String from, String to, IpFamily family) {
    Place here = find(statuses, from, family);
    Place there = find(statuses, to, family);
    List<Hop> hops = new ArrayList<>();
    follow(here, there, hops);
    return new Journey(here.toString(), there.toString(), hops);
  }

  private static Place find(Collection<NodeStatus> statuses, String text, IpFamily family) {
    TreeMap<String, Place> found = new TreeMap<>();
    for (NodeStatus status : statuses) {
      if (status.node().equals(text) || status.address().equals(text)) {
        found.put(status.node(), new Place(status, null, status.address()));
      }
      for (Pod pod : status.pods()) {
        boolean named =
            pod.pod().equals(text)
                || pod.pod().endsWith("/" + text)
                || pod.containerId().equals(text);
        if (named || pod.addresses().contains(text)) {
          String address = named ? address(pod, family) : text;
          found.put(pod.pod() + " " + pod.containerId(), new Place(status, pod, address));
        }
      }
    }
    if (found.isEmpty()) {
      throw new IllegalArgumentException(
          "no agent knows a node or pod "
              + text
              + ": fairway net pods shows those that are known"
              + " (pods with hostNetwork are reached as their node is)");
    }
    if (found.size() > 1) {
      throw new IllegalArgumentException(
          text + " can be " + String.join(" or ", found.keySet()) + ": say namespace/name");
    }
    return found.firstEntry().getValue();
  }

  private static String address(Pod pod, IpFamily family) {
    for (String address : pod.addresses()) {
      if (IpAddress.parse(address).family() == family) {
        return address;
      }
    }
    throw new IllegalArgumentException(
        "pod " + pod.pod() + " has no address of " + family + ": it has " + pod.addresses());
  }

  private static void follow(Place here, Place there, List<Hop> hops) {
    String node = here.node().node();
    if (here.pod() != null) {
      Pod pod = here.pod();
      String what = "pod's " + pod.interfaceName() + " is the other end of link " + pod.link();
      if (stops(hops, node, what + ", MTU " + pod.mtu(), pod.why(), mendOf(here, pod))) {
        return;
      }
      if (forwardingIsOff(here, hops)) {
        return;
      }
    }
    if (!here.node().node().equals(there.node().node()) && !cross(here, there, hops)) {
      return;
    }
    if (there.pod() != null) {
      Pod pod = there.pod();
      String at = there.node().node();
      if (!forwardingIsOff(there, hops)) {
        String what = "route " + there.address() + " dev " + pod.link();
        stops(hops, at, what + ", MTU " + pod.mtu(), pod.why(), mendOf(there, pod));
      }
    } else if (here.node().node().equals(there.node().node())) {
      stops(hops, node, there.address() + " is this machine's own", "", "");
    }
  }

  /// From machine to machine.
  private static boolean cross(Place here, Place there, List<Hop> hops) {
    NodeStatus from = here.node();
    NodeStatus to = there.node();
    String node = from.node();
    String machine = to.address();
    if (there.pod() != null) {
      Optional<Route> known = route(from, there.address());
      if (known.isEmpty()) {
        return fails(hops, node, "route to " + there.address(), noRoute(from, to), "");
      }
      Route route = known.get();
      String what = "route " + route.range() + via(route) + " dev " + route.device();
      if (route.state().equals(NodeStatus.MISSING)) {
        return fails(hops, node, what, "it is missing in the kernel", mend(from, route.range()));
      }
      if (route.device().equals("unreachable")) {
        return fails(hops, node, what, noRoute(from, to), "");
      }
      stops(hops, node, what, "", "");
      Optional<Tunnel> tunnel =
          from.tunnels().stream().filter(t -> t.device().equals(route.device())).findFirst();
      if (tunnel.isPresent()) {
        if (!wrap(from, to, tunnel.get(), route, hops)) {
          return false;
        }
      } else {
        machine = route.via();
        if (!machine.equals(to.address()) && !from.backend().contains("bgp")) {
          String why = "it leads to " + machine + ", but " + to.node() + " is at " + to.address();
          return fails(hops, node, what, why, "see the annotations of node " + to.node());
        }
      }
    }
    return overUnderlay(from, to, machine, hops) && unwrap(from, to, there, hops);
  }

  private static boolean overUnderlay(
      NodeStatus from, NodeStatus to, String machine, List<Hop> hops) {
    String what = from.underlay().name() + " (MTU " + from.underlay().mtu() + ") to " + machine;
    String why = linkFault(from);
    if (!why.isEmpty()) {
      return fails(hops, from.node(), what, why, mend(from, from.underlay().name()));
    }
    stops(hops, from.node(), what, "", "");
    String arrival = to.underlay().name() + " (MTU " + to.underlay().mtu() + ") " + to.address();
    String fault = linkFault(to);
    if (!fault.isEmpty()) {
      return fails(hops, to.node(), arrival, fault, mend(to, to.underlay().name()));
    }
    stops(hops, to.node(), arrival, "", "");
    return true;
  }

  private static String linkFault(NodeStatus node) {
    String state = node.underlay().state();
    return state.equals(NodeStatus.OK) ? "" : "the link is " + state;
  }

  private static boolean wrap(
      NodeStatus from, NodeStatus to, Tunnel tunnel, Route route, List<Hop> hops) {
    String node = from.node();
    String what = "tunnel " + tunnel.device() + ", " + kind(tunnel);
    if (!tunnel.state().equals(NodeStatus.OK)) {
      return fails(hops, node, what, "it is " + tunnel.state(), mend(from, tunnel.device()));
    }
    Optional<End> known =
        tunnel.ends().stream()
            .filter(
                end -> end.gateway().equals(route.via().isEmpty() ? route.range() : route.via()))
            .findFirst();
    if (known.isEmpty() || known.get().state().equals(NodeStatus.MISSING)) {
      String far = route.via().isEmpty() ? route.range() : route.via();
      String why = "no entry tells at which machine " + far + " is";
      return fails(hops, node, what, why, mend(from, far));
    }
    End end = known.get();
    what += ": " + end.gateway() + " is " + end.mac() + " at " + end.machine();
    if (!end.machine().equals(to.address())) {
      String why = "the entry leads to " + end.machine() + ", but the node is at " + to.address();
      return fails(hops, node, what, why, "see the annotations of node " + to.node());
    }
    stops(hops, node, what, "", "");
    return true;
  }

  private static boolean unwrap(NodeStatus from, NodeStatus to, Place there, List<Hop> hops) {
    if (there.pod() == null) {
      return true;
    }
    Optional<Tunnel> sends =
        route(from, there.address())
            .flatMap(r ->
                from.tunnels().stream().filter(t -> t.device().equals(r.device())).findFirst());
    if (sends.isEmpty()) {
      return true;
    }
    Tunnel sender = sends.get();
    Optional<Tunnel> receives =
        to.tunnels().stream()
            .filter(t -> t.vni() == sender.vni() && t.port() == sender.port())
            .findFirst();
    String what = "tunnel of " + kind(sender) + ", UDP port " + sender.port();
    if (receives.isEmpty()) {
      return fails(hops, to.node(), what, "there is none", "all nodes need the same backend");
    }
    if (!receives.get().state().equals(NodeStatus.OK)) {
      String why = "it is " + receives.get().state();
      return fails(hops, to.node(), what, why, mend(to, receives.get().device()));
    }
    stops(hops, to.node(), what + " unwraps", "", "");
    return true;
  }

  private static String kind(Tunnel tunnel) {
    return tunnel.vni() == 0 ? tunnel.kind() : tunnel.kind() + " " + tunnel.vni();
  }

  private static boolean forwardingIsOff(Place place, List<Hop> hops) {
    for (NodeStatus.Finding finding : place.node().findings()) {
      if (finding.about().startsWith("net.ip")) {
        return stops(hops, place.node().node(), "forwarding", finding.why(), finding.mend());
      }
    }
    return false;
  }

  /// The longest route that holds the address, as the kernel chooses.
  private static Optional<Route> route(NodeStatus node, String address) {
    IpAddress to = IpAddress.parse(address);
    Route best = null;
    int length = -1;
    for (Route route : node.routes()) {
      Prefix range = Prefix.parse(route.range());
      if (range.contains(to) && range.length() > length) {
        best = route;
        length = range.length();
      }
    }
    return Optional.ofNullable(best);
  }

  private static String noRoute(NodeStatus from, NodeStatus to) {
    for (OtherNode other : from.nodes()) {
      if (other.name().equals(to.node())) {
        return other.why().isEmpty() ? "there is none" : "there is none: " + other.why();
      }
    }
    return "there is none: " + from.node() + " knows no node " + to.node();
  }

  private static String via(Route route) {
    return route.via().isEmpty() ? "" : " via " + route.via();
  }

  /// What the agent itself advises about a thing.
  private static String mend(NodeStatus node, String thing) {
    for (NodeStatus.Finding finding : node.findings()) {
      if (finding.about().endsWith(" " + thing)) {
        return finding.mend();
      }
    }
    return "";
  }

  private static String mendOf(Place place, Pod pod) {
    return mend(place.node(), pod.pod());
  }

  private static boolean stops(List<Hop> hops, String node, String what, String why, String mend) {
    hops.add(new Hop(node, what, why, why.isEmpty() ? "" : mend));
    return !why.isEmpty();
  }

  private static boolean fails(List<Hop> hops, String node, String what, String why, String mend) {
    hops.add(new Hop(node, what, why, mend));
    return false;
  }
}
