// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.linux.Forwarding;
import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Vxlan;
import dev.fairway.linux.wireguard.WireGuardChange;
import dev.fairway.linux.wireguard.WireGuardDevice;
import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.forwarding.ForwardingState.WireGuardTunnel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Reads and changes the forwarding state of the kernel. Not for several threads at a time.
public final class KernelForwarding {
  /// Before those of BGP, as 0 is for IPv4: what is secured must not leave by what BGP still knows.
  /// For IPv6 0 would be 1024.
  static final int IPV6_METRIC = 16;

  private final RouteNetlink netlink;
  private final int underlay;
  private final WireGuardAccess wireGuard;
  private final String tunnelName;
  private final int protocol;

  /// Works on one machine's tables.
  ///
  /// @param netlink open in the machine's namespace
  /// @param underlay index of the link to the other machines
  public KernelForwarding(RouteNetlink netlink, int underlay) {
    this(netlink, underlay, WireGuardAccess.NONE);
  }

  /// As [#KernelForwarding(RouteNetlink, int)], on a machine that may have WireGuard.
  public KernelForwarding(RouteNetlink netlink, int underlay, WireGuardAccess wireGuard) {
    this.netlink = netlink;
    this.underlay = underlay;
    this.wireGuard = wireGuard;
    tunnelName = ForwardingState.TUNNEL_NAME;
    protocol = ForwardingState.ROUTE_PROTOCOL;
  }

  private KernelForwarding(RouteNetlink netlink, int underlay, String tunnelName, int protocol) {
    this.netlink = netlink;
    this.underlay = underlay;
    this.wireGuard = WireGuardAccess.NONE;
    this.tunnelName = tunnelName;
    this.protocol = protocol;
  }

  /// Works on the second tunnel of a machine and the routes that lead there, and on nothing else.
  public static KernelForwarding ofSecondTunnel(RouteNetlink netlink, int underlay) {
    return new KernelForwarding(
        netlink,
        underlay,
        ForwardingState.SECOND_TUNNEL_NAME,
        ForwardingState.SECOND_ROUTE_PROTOCOL);
  }

  /// What is there of ours.
  public ForwardingState read() {
    Optional<Link> device = netlink.link(tunnelName);
    int tunnel = device.map(Link::index).orElse(0);
    boolean second = protocol == ForwardingState.SECOND_ROUTE_PROTOCOL;
    Optional<Link> secured =
        second ? Optional.empty() : netlink.link(ForwardingState.WIREGUARD_NAME);
    int secure = secured.map(Link::index).orElse(0);
    List<RangeRoute> routes = new ArrayList<>();
    for (Route route : netlink.routes()) {
      if (route.protocol() == protocol && route.table() == Route.TABLE_MAIN) {
        Way way =
            route.metric() != metric(route.destination())
                ? Way.ELSEWHERE
                : route.type() == Route.Type.UNREACHABLE
                    ? Way.UNREACHABLE
                    : route.link() == underlay
                        ? Way.UNDERLAY
                        : route.link() == tunnel
                            ? Way.TUNNEL
                            : route.link() == secure ? Way.WIREGUARD : Way.ELSEWHERE;
        routes.add(new RangeRoute(route.destination(), way, Optional.ofNullable(route.gateway())));
      }
    }
    List<NextHop> hops = new ArrayList<>();
    List<Destination> destinations = new ArrayList<>();
    if (device.isPresent()) {
      for (Neighbour neighbour : netlink.neighbours()) {
        MacAddress mac = neighbour.mac();
        if (neighbour.link() == tunnel && neighbour.permanent() && mac != null) {
          hops.add(new NextHop(neighbour.address(), mac));
        }
      }
      for (Forwarding entry : netlink.forwardings()) {
        IpAddress machine = entry.destination();
        if (entry.link() == tunnel && entry.permanent() && machine != null) {
          destinations.add(new Destination(entry.mac(), machine));
        }
      }
    }
    return new ForwardingState(
        device.map(this::tunnel), routes, hops, destinations, secured.flatMap(this::wireGuard));
  }

  private Optional<WireGuardTunnel> wireGuard(Link link) {
    Optional<WireGuardDevice> device = wireGuard.read();
    return device.map(found ->
        WireGuardTunnel.of(
            found.key(),
            found.port(),
            link.up() ? link.mtu() : 0,
            addresses(link.index()),
            found.peers()));
  }

  private List<IpAddress> addresses(int link) {
    List<IpAddress> addresses = new ArrayList<>();
    for (LinkAddress address : netlink.addresses()) {
      if (address.link() == link && !address.address().isLinkLocal()) {
        addresses.add(address.address());
      }
    }
    return addresses;
  }

  private TunnelDevice tunnel(Link link) {
    Vxlan settings =
        link.vxlan().orElse(new Vxlan(0, 0, null, 0, true)); // anything else of that name is wrong
    IpAddress local = settings.local();
    MacAddress mac = link.mac();
    return new TunnelDevice(
        settings.vni(),
        settings.port(),
        local == null || settings.learning() ? IpAddress.ofIpv4(0) : local,
        settings.underlay(),
        mac == null ? new MacAddress(0) : mac,
        link.up() ? link.mtu() : 0,
        addresses(link.index()));
  }

  /// Carries the steps out. All are tried even if one fails.
  ///
  /// @throws dev.fairway.linux.KernelException about the first that failed
  public void apply(List<ForwardingStep> steps) {
    new Application().apply(steps);
  }

  /// What is under way: neighbouring steps of one kind are carried out together.
  private final class Application {
    private final List<RouteRequest> requests = new ArrayList<>();
    private final List<WireGuardChange.PeerChange> peers = new ArrayList<>();
    private int tunnel = index(tunnelName);
    private int secure = index(ForwardingState.WIREGUARD_NAME);
    private @Nullable RuntimeException first;

    private int index(String link) {
      return netlink.link(link).map(Link::index).orElse(0);
    }

    void apply(List<ForwardingStep> steps) {
      for (ForwardingStep step : steps) {
        if (isOfPeer(step) == peers.isEmpty()) {
          flush(); // what follows may need what is before it
        }
        take(step);
      }
      flush();
      if (first != null) {
        throw first;
      }
    }

    private static boolean isOfPeer(ForwardingStep step) {
      return step instanceof ForwardingStep.PutPeer || step instanceof ForwardingStep.RemovePeer;
    }

    private void attempt(Runnable part) {
      try {
        part.run();
      } catch (RuntimeException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }

    private void flush() {
      List<RouteRequest> routes = List.copyOf(requests);
      requests.clear();
      attempt(() -> netlink.apply(routes));
      if (!peers.isEmpty()) {
        List<WireGuardChange.PeerChange> changes = List.copyOf(peers);
        peers.clear();
        attempt(() -> wireGuard.change(changes));
      }
    }

    private void take(ForwardingStep step) {
      switch (step) {
        case ForwardingStep.CreateTunnel(TunnelDevice device) -> {
          flush(); // the device's index is needed by what follows
          attempt(() -> tunnel = create(device));
        }
        case ForwardingStep.AdjustTunnel(TunnelDevice device) ->
            requests.addAll(adjust(device.addresses(), device.mtu(), tunnel));
        case ForwardingStep.RemoveTunnel() -> requests.add(RouteRequest.DeleteLink.of(tunnelName));
        case ForwardingStep.PutDestination(Destination(MacAddress mac, IpAddress machine)) ->
            requests.add(new RouteRequest.PutForwarding(Forwarding.of(tunnel, mac, machine)));
        case ForwardingStep.PutNextHop(NextHop(IpAddress address, MacAddress mac)) ->
            requests.add(new RouteRequest.PutNeighbour(Neighbour.of(tunnel, address, mac)));
        case ForwardingStep.PutRoute(RangeRoute route) ->
            requests.add(new RouteRequest.PutRoute(route(route, tunnel, secure)));
        case ForwardingStep.RemoveRoute(RangeRoute route) ->
            // Without a metric it is found whatever metric it has.
            requests.add(new RouteRequest.DeleteRoute(route(route, tunnel, secure).withMetric(0)));
        case ForwardingStep.RemoveNextHop(NextHop(IpAddress address, MacAddress mac)) ->
            requests.add(new RouteRequest.DeleteNeighbour(Neighbour.of(tunnel, address, mac)));
        case ForwardingStep.RemoveDestination(Destination(MacAddress mac, IpAddress machine)) ->
            requests.add(new RouteRequest.DeleteForwarding(Forwarding.of(tunnel, mac, machine)));
        case ForwardingStep.CreateWireGuard(WireGuardTunnel device) -> {
          flush();
          attempt(() -> {
            wireGuard.create(device.mtu());
            secure = index(ForwardingState.WIREGUARD_NAME);
            identify(device);
          });
        }
        case ForwardingStep.AdjustWireGuard(WireGuardTunnel device) -> {
          flush();
          attempt(() -> identify(device));
        }
        case ForwardingStep.RemoveWireGuard() -> {
          flush();
          attempt(wireGuard::remove);
        }
        case ForwardingStep.PutPeer(WireGuardPeer peer, boolean ranges) ->
            peers.add(new WireGuardChange.Put(peer, ranges));
        case ForwardingStep.RemovePeer(WireGuardKey key) ->
            peers.add(new WireGuardChange.Remove(key));
      }
    }

    private void identify(WireGuardTunnel device) {
      wireGuard.identify(device.port());
      netlink.apply(adjust(device.addresses(), device.mtu(), secure));
    }
  }

  private int create(TunnelDevice device) {
    netlink.apply(
        new RouteRequest.AddVxlan(
            LinkSpec.named(tunnelName).withMac(device.mac()).withMtu(device.mtu()),
            new Vxlan(device.vni(), device.port(), device.local(), device.underlay(), false)));
    int index = netlink.link(tunnelName).orElseThrow().index();
    netlink.apply(adjust(device.addresses(), device.mtu(), index));
    return index;
  }

  private List<RouteRequest> adjust(List<IpAddress> wanted, int mtu, int index) {
    List<RouteRequest> requests = new ArrayList<>();
    for (LinkAddress address : netlink.addresses()) {
      if (address.link() == index
          && !address.address().isLinkLocal()
          && !wanted.contains(address.address())) {
        requests.add(new RouteRequest.DeleteAddress(address));
      }
    }
    for (IpAddress address : wanted) {
      int bits = address.family().addressBits();
      requests.add(new RouteRequest.PutAddress(LinkAddress.of(index, address, bits)));
    }
    requests.add(RouteRequest.ChangeLink.of(index).withMtu(mtu).setUp());
    return requests;
  }

  private static int metric(Prefix range) {
    return switch (range.family()) {
      case IPV4 -> 0;
      case IPV6 -> IPV6_METRIC;
    };
  }

  private Route route(RangeRoute wanted, int tunnel, int secure) {
    Route route =
        Route.to(wanted.range()).withProtocol(protocol).withMetric(metric(wanted.range()));
    if (wanted.gateway().isPresent()) {
      route = route.via(wanted.gateway().get());
    }
    return switch (wanted.way()) {
      case UNREACHABLE -> route.of(Route.Type.UNREACHABLE);
      case UNDERLAY -> route.on(underlay);
      case ELSEWHERE -> route; // only to be removed, by whatever device
      case TUNNEL -> route.on(tunnel).withOnlink();
      case WIREGUARD -> route.on(secure);
    };
  }
}
