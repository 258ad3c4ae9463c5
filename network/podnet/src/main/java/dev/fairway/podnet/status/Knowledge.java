// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.linux.Link;
import dev.fairway.linux.Route;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.nodes.ClusterNodes;
import java.util.List;
import java.util.Map;

/// What an agent wants and what it finds, at one moment.
///
/// @param node name of this node's object
/// @param address of this machine
/// @param backend its name
/// @param ready whether pods can be connected
/// @param podMtu bytes, 0 if not known yet
/// @param underlay name of the link to the other machines
/// @param nodes of the cluster
/// @param problems with nodes, as the agent logs them
/// @param desired what the kernel should hold
/// @param actual what it holds of ours
/// @param links of the machine
/// @param routes of the machine
/// @param addresses of pods, and the ranges they come from
/// @param pools that this node uses, by name
/// @param peers of a routing protocol
/// @param packetWays the fast path and the guard
/// @param forwards whether the kernel forwards packets at all
public record Knowledge(
    String node,
    IpAddress address,
    String backend,
    boolean ready,
    int podMtu,
    String underlay,
    ClusterNodes nodes,
    List<String> problems,
    ForwardingState desired,
    ForwardingState actual,
    List<Link> links,
    List<Route> routes,
    AddressBook.Contents addresses,
    Map<String, Prefix> pools,
    List<NodeStatus.Peer> peers,
    NodeStatus.PacketWays packetWays,
    boolean forwards) {
  public Knowledge {
    problems = List.copyOf(problems);
    links = List.copyOf(links);
    routes = List.copyOf(routes);
    pools = Map.copyOf(pools);
    peers = List.copyOf(peers);
  }
}
