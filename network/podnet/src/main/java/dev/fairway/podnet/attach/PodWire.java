// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkRef;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/// Connects and disconnects pods in the kernel of one machine. Safe for use by many threads, but
/// not for the same attachment at the same time.
public final class PodWire implements AutoCloseable {
  /// Above what the kernel gives by itself for the few devices of a machine.
  private static final int FIRST_INDEX = 1000;

  /// A sandbox's path names the machine's own namespace.
  public static final class NotASandbox extends Exception {
    private static final long serialVersionUID = 1L;

    NotASandbox(String message) {
      super(message);
    }
  }

  private final NetworkNamespace machine;
  private final MachineSockets sockets;
  private final Reaper reaper;
  private final AtomicInteger nextIndex;
  private final boolean knowsIpv6;
  private final boolean believesRouters;

  /// The kernel changes links one after the other, and a thread that waits for it there keeps a
  /// processor busy meanwhile. So threads wait here.
  private final ReentrantLock changes = new ReentrantLock();

  private volatile List<PodWatcher> watchers = List.of();

  /// Connects pods to a machine.
  ///
  /// @param machine the namespace that pods are connected to; stays the caller's
  public PodWire(NetworkNamespace machine) {
    this.machine = machine;
    sockets = new MachineSockets(machine);
    int highest = FIRST_INDEX - 1;
    try (MachineSockets.Loan loan = sockets.borrow()) {
      for (Link link : loan.netlink().links()) {
        highest = Math.max(highest, link.index());
      }
    }
    nextIndex = new AtomicInteger(highest + 1);
    reaper = new Reaper(machine);
    Optional<String> routers = wordOfRouters(machine);
    knowsIpv6 = routers.isPresent();
    // New links would take a pod for a router. A machine that forwards does not, unless it was told
    // to all the same.
    believesRouters = routers.equals(Optional.of("2"));
    try (MachineSockets.Loan loan = sockets.borrow()) {
      loan.netlink().apply(new RouteRequest.DeleteLinkGroup(WirePlan.UNFINISHED_GROUP));
    }
  }

  /// What the machine does with the word of a router on a new link; empty if it knows no IPv6.
  private static Optional<String> wordOfRouters(NetworkNamespace machine) {
    try {
      return Optional.of(Sysctls.read(machine, "net.ipv6.conf.default.accept_ra"));
    } catch (KernelException e) {
      return Optional.empty();
    }
  }

  /// Makes the wire. What was done is in `undo` until the caller commits.
  ///
  /// @throws KernelException if the kernel refuses
  /// @throws NotASandbox if the pod's namespace is the machine's
  public void connect(Wire wire, NetworkNamespace pod, Undo undo, StepObserver steps)
      throws NotASandbox {
    refuseMachine(pod);
    try (MachineSockets.Loan loan = sockets.borrow();
        RouteNetlink inside = RouteNetlink.open(pod)) {
      RouteNetlink host = loan.netlink();
      undo.add("make " + wire.hostName(), () -> remove(wire.hostName()));
      WirePlan plan = plan(wire);
      steps.before("make the link");
      reaper.disturbed();
      changes.lock();
      try {
        plan = make(plan, wire, inside, host);
        steps.before("route to it");
        if (believesRouters) {
          String setting = "net/ipv6/conf/" + wire.hostName() + "/accept_ra";
          Sysctls.write(machine, Map.of(setting, "0"));
        }
        host.apply(plan.onHost());
      } finally {
        changes.unlock();
      }
      for (PodWatcher watcher : watchers) {
        watcher.connected(wire, plan.index());
      }
    }
  }

  /// Pods are not connected to the machine where they are it.
  ///
  /// @throws NotASandbox if the namespace is the machine's
  public void refuseMachine(NetworkNamespace pod) throws NotASandbox {
    if (pod.equals(machine)) {
      throw new NotASandbox(pod + " is the machine's own network namespace");
    }
  }

  /// Whether there is a whole wire of this name that does not end in this sandbox.
  public boolean leadsElsewhere(String hostName, NetworkNamespace pod) {
    try (MachineSockets.Loan loan = sockets.borrow();
        RouteNetlink inside = RouteNetlink.open(pod)) {
      Optional<Link> end = loan.netlink().link(hostName);
      return end.isPresent()
          && isWhole(end.get())
          && inside
              .link(end.get().peer())
              .filter(other -> other.peer() == end.get().index())
              .isEmpty();
    }
  }

  /// A pod without an IPv6 address has no use for link-local ones, and the kernel has less to do
  /// for an ADD without them.
  private WirePlan plan(Wire wire) {
    boolean six = wire.addresses().stream().anyMatch(each -> each.family() == IpFamily.IPV6);
    boolean silent = !six && knowsIpv6 && wire.mtu() >= PodNetworkSettings.LEAST_IPV6_MTU;
    return WirePlan.of(wire, nextIndex.getAndIncrement(), machine, !silent);
  }

  private WirePlan make(WirePlan plan, Wire wire, RouteNetlink inside, RouteNetlink host) {
    try {
      inside.apply(plan.inPod());
      return plan;
    } catch (KernelException e) {
      if (e.errno() != Errno.EEXIST && e.errno() != Errno.EBUSY) {
        throw e;
      }
    }
    // An earlier wire of this name is still on its way out, or was left half made.
    Reaper.reap(host);
    host.apply(RouteRequest.DeleteLink.of(wire.hostName()));
    WirePlan second = plan(wire);
    inside.apply(second.inPod());
    return second;
  }

  /// Who hears of pods from now on.
  public void watch(List<PodWatcher> all) {
    watchers = List.copyOf(all);
  }

  /// Takes a wire down and waits until it is gone.
  public void remove(String hostName) {
    try (MachineSockets.Loan loan = sockets.borrow()) {
      RouteNetlink host = loan.netlink();
      host.apply(RouteRequest.DeleteLink.of(hostName));
    }
  }

  /// Makes the pod unreachable; its wire goes soon after. What is gone already is success.
  public void disconnect(String hostName, List<IpAddress> addresses) {
    watchers.forEach(watcher -> watcher.disconnecting(addresses));
    try (MachineSockets.Loan loan = sockets.borrow()) {
      changes.lock();
      try {
        loan.netlink().apply(WirePlan.disconnect(hostName, addresses));
      } finally {
        changes.unlock();
      }
    } catch (KernelException e) {
      if (e.errno() != Errno.ENODEV) {
        throw e;
      }
      return; // it went with its sandbox
    }
    reaper.wake();
  }

  /// What is not as [#connect] left it; empty if all is well.
  public Optional<String> difference(Wire wire, NetworkNamespace pod) {
    try (MachineSockets.Loan loan = sockets.borrow()) {
      RouteNetlink host = loan.netlink();
      Optional<Link> end = host.link(wire.hostName());
      if (end.isEmpty() || !isWhole(end.get())) {
        return Optional.of("the node's link " + wire.hostName() + " is gone");
      }
      if (!end.get().up()) {
        return Optional.of("the node's link " + wire.hostName() + " is down");
      }
      List<Route> routes = host.routes();
      for (IpAddress address : wire.addresses()) {
        if (!hasRoute(routes, address.toPrefix(), end.get().index())) {
          return Optional.of("the node has no route to " + address);
        }
      }
    }
    try (RouteNetlink inside = RouteNetlink.open(pod)) {
      Optional<Link> end = inside.link(wire.podName());
      if (end.isEmpty()) {
        return Optional.of("the pod's link " + wire.podName() + " is gone");
      }
      return insideDifference(wire, end.get(), inside);
    }
  }

  private static Optional<String> insideDifference(Wire wire, Link end, RouteNetlink inside) {
    if (!end.up()) {
      return Optional.of("the pod's link " + wire.podName() + " is down");
    }
    List<LinkAddress> addresses = inside.addresses();
    List<Route> routes = inside.routes();
    List<Neighbour> neighbours = inside.neighbours();
    for (IpAddress address : wire.addresses()) {
      IpAddress gateway = Wire.gateway(address.family());
      if (addresses.stream()
          .noneMatch(a -> a.link() == end.index() && a.address().equals(address))) {
        return Optional.of("the pod's link has lost its address " + address);
      }
      boolean routed = hasRoute(routes, gateway.toPrefix(), end.index());
      for (Prefix destination : wire.routes()) {
        routed &=
            destination.family() != address.family() || hasRoute(routes, destination, end.index());
      }
      if (!routed) {
        return Optional.of("the pod has lost its routes by " + gateway);
      }
      if (neighbours.stream()
          .noneMatch(n ->
              n.link() == end.index()
                  && n.address().equals(gateway)
                  && Wire.HOST_MAC.equals(n.mac()))) {
        return Optional.of("the pod has lost its gateway " + gateway);
      }
    }
    return Optional.empty();
  }

  static boolean isWhole(Link link) {
    return link.group() != Reaper.DYING_GROUP && link.group() != WirePlan.UNFINISHED_GROUP;
  }

  /// What is wrong with a sandbox's end of a wire that somebody else made; empty if it is there.
  public static Optional<String> foreignDifference(String podName, NetworkNamespace pod) {
    try (RouteNetlink inside = RouteNetlink.open(pod)) {
      return inside.link(podName).isPresent()
          ? Optional.empty()
          : Optional.of("the sandbox has no " + podName);
    }
  }

  /// Limits a wire that somebody else made.
  ///
  /// @return what kept it from being limited, if something did
  public Optional<String> limit(
      String podName, NetworkNamespace pod, Limits limits, boolean loopback) {
    try (MachineSockets.Loan loan = sockets.borrow();
        RouteNetlink inside = RouteNetlink.open(pod)) {
      RouteNetlink host = loan.netlink();
      Optional<Link> end = inside.link(podName);
      if (end.isEmpty()) {
        return Optional.of("the sandbox has no " + podName);
      }
      limits
          .fromPod()
          .ifPresent(
              bucket -> inside.apply(new RouteRequest.PutTokenBucket(end.get().index(), bucket)));
      if (limits.toPod().isEmpty() && !loopback) {
        return Optional.empty();
      }
      Optional<Link> other = host.link(end.get().peer());
      if (!end.get().kind().equals("veth")
          || other.isEmpty()
          || other.get().peer() != end.get().index()) {
        return Optional.of(podName + " is no veth with its other end on this machine");
      }
      limits
          .toPod()
          .ifPresent(
              bucket -> host.apply(new RouteRequest.PutTokenBucket(other.get().index(), bucket)));
      // Where the other end is in a bridge, packets leave by the bridge.
      int leaves = other.get().master() != 0 ? other.get().master() : other.get().index();
      if (loopback) {
        host.apply(new RouteRequest.PassLoopback(LinkRef.of(leaves)));
      }
      return Optional.empty();
    }
  }

  private static boolean hasRoute(List<Route> routes, Prefix destination, int link) {
    return routes.stream().anyMatch(r -> r.destination().equals(destination) && r.link() == link);
  }

  /// The wires that are there, by the name of the machine's end, with the addresses routed to each.
  public Map<String, List<IpAddress>> wires() {
    try (MachineSockets.Loan loan = sockets.borrow()) {
      RouteNetlink host = loan.netlink();
      Map<Integer, String> names = new HashMap<>();
      Map<String, List<IpAddress>> wires = new HashMap<>();
      for (Link link : host.links()) {
        if (Wire.isHostName(link.name()) && isWhole(link)) {
          names.put(link.index(), link.name());
          wires.put(link.name(), new ArrayList<>());
        }
      }
      for (Route route : host.routes()) {
        String name = names.get(route.link());
        if (name != null && route.protocol() == WirePlan.ROUTE_PROTOCOL) {
          wires.getOrDefault(name, new ArrayList<>()).add(route.destination().address());
        }
      }
      return wires;
    }
  }

  @Override
  public void close() {
    reaper.close();
    sockets.close();
  }
}
