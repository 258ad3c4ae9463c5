// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What one node's agent sees of the pod network, at one moment. The names of the parts are those
/// of the JSON that [StatusServer] gives. Texts are empty, not null, where there is nothing to say.
///
/// @param node name of the node's object
/// @param address of the machine on the underlay
/// @param backend how packets reach other nodes' pods
/// @param ready whether pods can be connected
/// @param podMtu the largest packet of a pod, bytes; 0 if not known yet
/// @param underlay the link to the other machines
/// @param ranges of this node's pods
/// @param pools that its pods' addresses may come from
/// @param nodes the other nodes
/// @param routes to ranges of pods
/// @param tunnels devices that wrap packets
/// @param peers of a routing protocol
/// @param pods connected to this node
/// @param packetWays what its pods' packets pass and what is dropped of them
/// @param findings what is not as it should be
/// @param plan what would be changed in the kernel now; empty if all is as wanted
public record NodeStatus(
    String node,
    String address,
    String backend,
    boolean ready,
    int podMtu,
    Device underlay,
    List<Range> ranges,
    List<AddressPool> pools,
    List<OtherNode> nodes,
    List<Route> routes,
    List<Tunnel> tunnels,
    List<Peer> peers,
    List<Pod> pods,
    PacketWays packetWays,
    List<Finding> findings,
    List<String> plan) {
  public static final String OK = "ok";
  public static final String MISSING = "missing";
  public static final String STALE = "stale";
  public static final String DOWN = "down";

  public NodeStatus {
    ranges = List.copyOf(ranges);
    pools = List.copyOf(pools);
    nodes = List.copyOf(nodes);
    routes = List.copyOf(routes);
    tunnels = List.copyOf(tunnels);
    peers = List.copyOf(peers);
    pods = List.copyOf(pods);
    findings = List.copyOf(findings);
    plan = List.copyOf(plan);
  }

  /// A link of the machine.
  ///
  /// @param state `ok`, `down` or `missing`
  public record Device(String name, int mtu, String state) {}

  /// Where this node's pods have their addresses from.
  ///
  /// @param pool name of the AddressPool it is a block of; empty for `spec.podCIDRs`
  /// @param capacity how many pods at once
  public record Range(String range, String pool, long used, long capacity) {}

  /// An AddressPool as this node knows it.
  public record AddressPool(String name, String range) {}

  /// Another node as this one sees it.
  ///
  /// @param why it cannot be reached; empty if it can
  public record OtherNode(String name, String address, List<String> ranges, String why) {
    public OtherNode {
      ranges = List.copyOf(ranges);
    }
  }

  /// A way to a range of pods.
  ///
  /// @param node whose range it is
  /// @param via the next hop, empty for what is unreachable
  /// @param device it leaves by
  /// @param state `ok`; `missing` in the kernel though wanted; `stale` there though not wanted
  public record Route(String range, String node, String via, String device, String state) {}

  /// A device that wraps packets.
  ///
  /// @param kind `vxlan`, `wireguard`, or `wireguard-go` where a process makes it
  /// @param vni of VXLAN, else 0
  /// @param local address that wrapped packets come from
  /// @param state `ok`, `down`, `missing` or `stale`
  /// @param ends where wrapped packets go
  public record Tunnel(
      String device,
      String kind,
      int vni,
      int port,
      String local,
      int mtu,
      String state,
      List<End> ends) {
    public Tunnel {
      ends = List.copyOf(ends);
    }
  }

  /// The far end of a tunnel.
  ///
  /// @param gateway the next hop that routes name, or the range of a route that names none
  /// @param mac of the far end's device, or its public key
  /// @param machine that unwraps
  /// @param state `ok`, `missing` or `stale`
  public record End(String node, String gateway, String mac, String machine, String state) {}

  /// A neighbour in a routing protocol.
  ///
  /// @param node whose machine it is; empty if it is none
  /// @param asn its autonomous system
  /// @param state of the session, `Established` if all is well
  /// @param since when, RFC 3339
  /// @param received routes taken from it
  /// @param sent routes told to it
  /// @param bfd state of the BFD session that watches it; empty if none does
  /// @param why the session is not established; empty if it is
  public record Peer(
      String address,
      String node,
      long asn,
      String state,
      String since,
      long received,
      long sent,
      String bfd,
      String why) {}

  /// A pod's connection.
  ///
  /// @param pod its namespace and name, as `default/web`; empty if the runtime did not tell
  /// @param containerId of the sandbox
  /// @param link the machine's end
  /// @param why it is broken; empty if it is not
  public record Pod(
      String pod,
      String containerId,
      String interfaceName,
      List<String> addresses,
      String link,
      int mtu,
      String why) {
    public Pod {
      addresses = List.copyOf(addresses);
    }
  }

  /// The fast path past the stack, and the guard against false senders.
  ///
  /// @param fastPath whether packets between pods pass the stack where they can
  /// @param why not, where they do not
  /// @param links that carry a program
  /// @param packets by where they went, such as `direct` or `tracked`
  /// @param guarded whether pods may send only by their own addresses
  /// @param dropped packets of pods by the reason, such as `source-ipv4`
  public record PacketWays(
      boolean fastPath,
      String why,
      int links,
      Map<String, Long> packets,
      boolean guarded,
      Map<String, Long> dropped) {
    public static final PacketWays NONE =
        new PacketWays(false, "not known", 0, Map.of(), false, Map.of());

    public PacketWays {
      packets = Collections.unmodifiableMap(new LinkedHashMap<>(packets));
      dropped = Collections.unmodifiableMap(new LinkedHashMap<>(dropped));
    }

    /// Packets dropped for whatever reason.
    public long allDropped() {
      return dropped.values().stream().mapToLong(Long::longValue).sum();
    }
  }

  /// Something that is not as it should be.
  ///
  /// @param about the object or device
  /// @param why what is wrong with it
  /// @param mend what to do about it; empty if nothing is known
  public record Finding(String about, String why, String mend) {}
}
