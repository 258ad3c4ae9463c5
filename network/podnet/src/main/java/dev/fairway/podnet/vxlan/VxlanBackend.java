// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.vxlan;

import dev.fairway.net.IpAddress;
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
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;

/// The backend `vxlan`.
public final class VxlanBackend implements Backend {
  private static final int VNI = 1;

  /// What Linux used before IANA assigned 4789, and what flannel uses.
  private static final int PORT = 8472;

  /// Outer IPv4, UDP and VXLAN headers and the inner Ethernet header: 20 + 8 + 8 + 14 bytes.
  private static final int OVERHEAD = 50;

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
    for (ClusterNode other : others) {
      if (other.tunnel().isEmpty() || other.tunnel().get().vni() != VNI) {
        continue;
      }
      MacAddress mac = other.tunnel().get().mac();
      destinations.add(new Destination(mac, other.address()));
      for (Prefix range : other.ranges()) {
        IpAddress gateway = range.address();
        hops.add(new NextHop(gateway, mac));
        routes.add(new RangeRoute(range, Way.TUNNEL, Optional.of(gateway)));
      }
    }
    TunnelDevice device =
        new TunnelDevice(
            VNI, PORT, underlay.address(), underlay.link(), mac(me), podMtu(underlay), own);
    return new ForwardingState(Optional.of(device), routes, hops, destinations);
  }

  @Override
  public Map<String, String> announcement(ClusterNode me, Underlay underlay) {
    return FlannelAnnotations.vxlan(underlay.address(), new ClusterNode.Tunnel(VNI, mac(me)));
  }

  @Override
  public int podMtu(Underlay underlay) {
    return underlay.mtu() - OVERHEAD;
  }

  @Override
  public List<String> unreachable(List<ClusterNode> others) {
    List<String> reasons = new ArrayList<>();
    for (ClusterNode other : others) {
      if (other.tunnel().isEmpty()) {
        reasons.add("node " + other.name() + ": its annotations name no VXLAN device yet");
      } else if (other.tunnel().get().vni() != VNI) {
        reasons.add("node " + other.name() + ": its VXLAN device has another VNI than " + VNI);
      }
    }
    return reasons;
  }

  /// The same after each restart and for a device made anew, so that the other nodes' entries stay
  /// right: a locally administered prefix, then a hash of the node's name.
  private static MacAddress mac(ClusterNode me) {
    CRC32 crc = new CRC32();
    crc.update(me.name().getBytes(StandardCharsets.UTF_8));
    return new MacAddress(0x0efa_0000_0000L | crc.getValue());
  }
}
