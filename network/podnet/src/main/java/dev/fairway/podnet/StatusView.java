// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.podnet.fastpath.FastPath;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.guard.Guard;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.multicast.Multicast;
import dev.fairway.podnet.nodes.ClusterNodes;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.pools.PoolAddresses;
import dev.fairway.podnet.status.Assessment;
import dev.fairway.podnet.status.Knowledge;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.Peers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Gathers what the parts of a node's network know of themselves.
record StatusView(
    PodNetwork.Config config,
    NetworkNamespace machine,
    NodeForwarding forwarding,
    AddressBook book,
    @Nullable PoolAddresses pools,
    FastPath fastPath,
    Guard guard,
    Multicast multicast) {
  /// What the node wants and what it finds, compared.
  NodeStatus status(BackendMix backends, ClusterNodes nodes, List<String> problems, boolean ready) {
    Optional<Underlay> found = forwarding.findUnderlay();
    ForwardingState desired = ForwardingState.EMPTY;
    ForwardingState actual = ForwardingState.EMPTY;
    int podMtu = 0;
    if (found.isPresent()) {
      Underlay underlay = found.get();
      actual = forwarding.read(underlay);
      podMtu = backends.podMtu(underlay);
      if (nodes.me().isPresent()) {
        desired = backends.desired(nodes.me().get(), nodes.others(), underlay);
      }
    }
    return Assessment.of(
        new Knowledge(
            config.nodeName(),
            config.nodeAddress(),
            backends.settings().backend().toString(),
            ready,
            podMtu,
            config.underlay(),
            nodes,
            problems,
            desired,
            actual,
            forwarding.links(),
            forwarding.routes(),
            book.contents(),
            pools == null ? Map.of() : pools.pools(),
            Peers.of(forwarding.bgp().peers(), forwarding.bgp().watchedPeers(), nodes),
            packetWays(),
            Sysctls.read(machine, "net.ipv4.ip_forward").equals("1")));
  }

  private NodeStatus.PacketWays packetWays() {
    FastPath.Status fast = fastPath.status();
    Map<String, Long> packets = new LinkedHashMap<>();
    fast.packets().forEach((outcome, count) -> packets.put(outcome.toString(), count));
    packets.putAll(multicast.packets());
    Map<String, Long> dropped = new LinkedHashMap<>();
    guard.dropped().forEach((reason, count) -> dropped.put(reason.toString(), count));
    return new NodeStatus.PacketWays(
        fast.on(), fast.why(), fast.links(), packets, guard.on(), dropped);
  }
}
