// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkRef;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;

/// What to ask the kernel for a wire.
///
/// @param index the number of both ends
/// @param inPod in the sandbox's namespace, first: it makes both ends
/// @param onHost in the machine's namespace, then
record WirePlan(int index, List<RouteRequest> inPod, List<RouteRequest> onHost) {
  /// Of routes to this node's own pods. They end with their link; the number tells them from the
  /// routes to other nodes, which are pruned.
  static final int ROUTE_PROTOCOL = 88;

  /// The machine's end is in it until the wire is whole, so that an agent that was killed in
  /// between leaves nothing that looks like a pod's.
  static final int UNFINISHED_GROUP = 0x0f_a1_e1;

  private static final int ORDINARY_GROUP = 0;
  private static final int LOOPBACK = 1;

  WirePlan {
    inPod = List.copyOf(inPod);
    onHost = List.copyOf(onHost);
  }

  /// @param index the number for both ends, free in both namespaces: choosing it saves asking for
  ///   it, so that each namespace needs one system call
  /// @param linkLocal whether the ends have IPv6 addresses of their own beside the pod's
  static WirePlan of(Wire wire, int index, NetworkNamespace machine, boolean linkLocal) {
    List<RouteRequest> inPod = new ArrayList<>();
    List<RouteRequest> onHost = new ArrayList<>();
    inPod.add(RouteRequest.ChangeLink.of(LOOPBACK).setUp());
    inPod.add(
        new RouteRequest.AddVeth(
            LinkSpec.named(wire.podName())
                .withIndex(index)
                .withMac(wire.mac())
                .withMtu(wire.mtu())
                .withQueues(1)
                .withUp(),
            LinkSpec.named(wire.hostName())
                .withIndex(index)
                .withMac(Wire.HOST_MAC)
                .withMtu(wire.mtu())
                .withGroup(UNFINISHED_GROUP)
                .withQueues(1)
                .in(machine)));
    if (!linkLocal) {
      // Both before the other end is up, as the kernel gives them then.
      inPod.add(new RouteRequest.WithoutLinkLocal(LinkRef.of(index)));
      onHost.add(new RouteRequest.WithoutLinkLocal(LinkRef.of(index)));
    }
    RouteRequest.ChangeLink hostUp =
        RouteRequest.ChangeLink.of(index).setUp().withGroup(ORDINARY_GROUP);
    onHost.add(wire.alias().isEmpty() ? hostUp : hostUp.withAlias(wire.alias()));
    for (IpAddress address : wire.addresses()) {
      IpAddress gateway = Wire.gateway(address.family());
      inPod.add(
          new RouteRequest.PutAddress(
              LinkAddress.of(index, address, address.family().addressBits())));
      inPod.add(new RouteRequest.PutNeighbour(Neighbour.of(index, gateway, Wire.HOST_MAC)));
      inPod.add(new RouteRequest.PutRoute(Route.to(gateway.toPrefix()).on(index)));
      onHost.add(new RouteRequest.PutNeighbour(Neighbour.of(index, address, wire.mac())));
      onHost.add(new RouteRequest.PutRoute(hostRoute(address).on(index)));
    }
    for (Prefix destination : wire.routes()) {
      IpAddress gateway = Wire.gateway(destination.family());
      inPod.add(new RouteRequest.PutRoute(Route.to(destination).via(gateway).on(index)));
    }
    wire.limits()
        .fromPod()
        .ifPresent(bucket -> inPod.add(new RouteRequest.PutTokenBucket(index, bucket)));
    wire.limits()
        .toPod()
        .ifPresent(bucket -> onHost.add(new RouteRequest.PutTokenBucket(index, bucket)));
    if (wire.loopback()) {
      onHost.add(new RouteRequest.PassLoopback(LinkRef.of(index)));
    }
    return new WirePlan(index, inPod, onHost);
  }

  /// What makes the pod unreachable at once, and leaves the link to the [Reaper].
  static List<RouteRequest> disconnect(String hostName, List<IpAddress> addresses) {
    List<RouteRequest> requests = new ArrayList<>();
    for (IpAddress address : addresses) {
      requests.add(new RouteRequest.DeleteRoute(hostRoute(address)));
    }
    requests.add(RouteRequest.ChangeLink.of(LinkRef.named(hostName)).withGroup(Reaper.DYING_GROUP));
    return requests;
  }

  static Route hostRoute(IpAddress address) {
    return Route.to(address.toPrefix()).withProtocol(ROUTE_PROTOCOL);
  }
}
