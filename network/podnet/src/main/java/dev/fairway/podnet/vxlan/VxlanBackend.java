// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.vxlan;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.Destination;
import dev.fairway.podnet.forwarding.ForwardingState.NextHop;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.TunnelDevice;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.nodes.Backend;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.FlannelAnnotations;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.podnet.settings.VxlanSettings;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.CRC32;

/// The backend `vxlan`.
public final class VxlanBackend implements Backend {
  /// UDP and VXLAN headers and the inner Ethernet header: 8 + 8 + 14 bytes; the outer IP header
  /// comes to them.
  private static final int OVERHEAD = 30;

  private final VxlanSettings settings;
  private final OptionalInt wantedMtu;

  /// The tunnel of flannel's defaults.
  public VxlanBackend() {
    this(VxlanSettings.FLANNEL, OptionalInt.empty());
  }

  /// @param wantedMtu of pods, empty for what fits
  public VxlanBackend(VxlanSettings settings, OptionalInt wantedMtu) {
    this.settings = settings;
    this.wantedMtu = wantedMtu;
  }

  @Override
  public ForwardingState desired(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    List<RangeRoute> routes = new ArrayList<>();
    List<NextHop> hops = new ArrayList<>();
    List<Destination> destinations = new ArrayList<>();
    List<IpAddress> own = new ArrayList<>();
    for (Prefix range : me.ranges()) {
      own.add(range.address());
      routes.add(new RangeRoute(range, Way.UNREACHABLE, Optional.empty()));
    }
    MacAddress mine = mac(me);
    for (ClusterNode other : others) {
      if (obstacle(mine, other).isPresent()) {
        continue;
      }
      MacAddress mac = other.tunnel().orElseThrow().mac();
      destinations.add(new Destination(mac, other.address()));
      boolean second = usesSecond(me, other, underlay);
      for (Prefix range : other.ranges()) {
        if (second && range.family() != underlay.address().family()) {
          continue;
        }
        IpAddress gateway = range.address();
        hops.add(new NextHop(gateway, mac));
        routes.add(new RangeRoute(range, Way.TUNNEL, Optional.of(gateway)));
      }
    }
    int mtu = tunnelMtu(me, underlay);
    boolean fits = mtu <= underlay.tunnelMtu(OVERHEAD);
    TunnelDevice device =
        new TunnelDevice(
            settings.vni(),
            settings.port(),
            underlay.address(),
            fits ? underlay.link() : 0, // the kernel bounds the MTU by the link's, if it knows it
            mac(me),
            mtu,
            own);
    return new ForwardingState(Optional.of(device), routes, hops, destinations);
  }

  /// What goes by a second device, as flannel has one for the other family of a dual-stack network:
  /// towards nodes of flannel's that announce theirs. It is there only if there is such a node.
  public ForwardingState second(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    List<RangeRoute> routes = new ArrayList<>();
    List<NextHop> hops = new ArrayList<>();
    List<Destination> destinations = new ArrayList<>();
    IpFamily family = otherFamily(underlay);
    MacAddress mine = mac(me);
    for (ClusterNode other : others) {
      if (!usesSecond(me, other, underlay) || obstacle(mine, other).isPresent()) {
        continue;
      }
      MacAddress mac = other.tunnel().orElseThrow().other().orElseThrow();
      destinations.add(new Destination(mac, other.address(family).orElseThrow()));
      for (Prefix range : other.ranges()) {
        if (range.family() == family) {
          hops.add(new NextHop(range.address(), mac));
          routes.add(new RangeRoute(range, Way.TUNNEL, Optional.of(range.address())));
        }
      }
    }
    if (destinations.isEmpty()) {
      return ForwardingState.EMPTY;
    }
    int header = family == IpFamily.IPV4 ? 20 : 40;
    int fits = underlay.mtu() - header - OVERHEAD;
    int mtu = Math.max(PodNetworkSettings.LEAST_IPV6_MTU, Math.min(fits, podMtu(underlay)));
    TunnelDevice device =
        new TunnelDevice(
            settings.vni(),
            settings.port(),
            underlay.address(family).orElseThrow(),
            mtu <= fits ? underlay.link() : 0,
            secondMac(me),
            mtu,
            List.of());
    return new ForwardingState(Optional.of(device), routes, hops, destinations);
  }

  /// What this node tells of its second device, beside the announcement of the first: flannel's
  /// nodes have no use for one that announces only one.
  public Map<String, String> secondAnnouncement(TunnelDevice second) {
    return FlannelAnnotations.secondVxlan(second.local(), second.vni(), second.mac());
  }

  private boolean usesSecond(ClusterNode me, ClusterNode other, Underlay underlay) {
    IpFamily family = otherFamily(underlay);
    return other.tunnel().isPresent()
        && other.tunnel().get().other().filter(mac -> !mac.equals(secondMac(me))).isPresent()
        && other.address(family).isPresent()
        && canHaveSecond(me, underlay);
  }

  /// Whether this machine and its pods have addresses of the other family, too.
  public static boolean canHaveSecond(ClusterNode me, Underlay underlay) {
    IpFamily family = otherFamily(underlay);
    return underlay.address(family).isPresent()
        && me.ranges().stream().anyMatch(range -> range.family() == family);
  }

  private static IpFamily otherFamily(Underlay underlay) {
    return underlay.address().family() == IpFamily.IPV4 ? IpFamily.IPV6 : IpFamily.IPV4;
  }

  @Override
  public Map<String, String> announcement(ClusterNode me, Underlay underlay) {
    return FlannelAnnotations.vxlan(
        underlay.address(), new ClusterNode.Tunnel(settings.vni(), mac(me)));
  }

  @Override
  public int podMtu(Underlay underlay) {
    return wantedMtu.orElse(underlay.tunnelMtu(OVERHEAD));
  }

  /// At least what IPv6 asks of every link; what does not fit then crosses in fragments.
  private int tunnelMtu(ClusterNode me, Underlay underlay) {
    boolean v6 = me.ranges().stream().anyMatch(range -> range.family() == IpFamily.IPV6);
    return Math.max(v6 ? PodNetworkSettings.LEAST_IPV6_MTU : 0, podMtu(underlay));
  }

  @Override
  public List<String> unreachable(ClusterNode me, List<ClusterNode> others, Underlay underlay) {
    List<String> reasons = new ArrayList<>();
    MacAddress mine = mac(me);
    for (ClusterNode other : others) {
      obstacle(mine, other).ifPresent(why -> reasons.add("node " + other.name() + ": " + why));
    }
    int mtu = tunnelMtu(me, underlay);
    if (mtu > underlay.tunnelMtu(OVERHEAD)) {
      reasons.add(
          "pods have an MTU of "
              + mtu
              + ", of which the tunnel carries only "
              + underlay.tunnelMtu(OVERHEAD)
              + " in one packet; larger ones go in fragments, slowly: raise the MTU of the machines'"
              + " network to "
              + (underlay.mtu() + mtu - underlay.tunnelMtu(OVERHEAD)));
    }
    return reasons;
  }

  private Optional<String> obstacle(MacAddress mine, ClusterNode other) {
    if (other.tunnel().isEmpty()) {
      return Optional.of("its annotations name no VXLAN device yet");
    }
    if (other.tunnel().get().vni() != settings.vni()) {
      return Optional.of("its VXLAN device has another VNI than " + settings.vni());
    }
    if (other.tunnel().get().mac().equals(mine)) {
      return Optional.of("its VXLAN device has this node's own address " + mine);
    }
    return Optional.empty();
  }

  /// The same after each restart and for a device made anew, so that the other nodes' entries stay
  /// right: a locally administered prefix, then a hash of the node's name.
  private MacAddress mac(ClusterNode me) {
    return mac(me.name());
  }

  /// No Node has a name with a space.
  private MacAddress secondMac(ClusterNode me) {
    return mac(me.name() + " second");
  }

  private MacAddress mac(String of) {
    CRC32 crc = new CRC32();
    crc.update(of.getBytes(StandardCharsets.UTF_8));
    return new MacAddress((long) settings.macPrefix() << 32 | crc.getValue());
  }
}
