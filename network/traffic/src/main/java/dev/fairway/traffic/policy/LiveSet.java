// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A peer set that follows the pods: it pays for what changes, not for its size.
final class LiveSet {
  private final Peer peer;
  private final Optional<Ports.Named> port;

  // How many pods give each element; two may have one address for a moment.
  private final Map<IpAddress, Integer> addresses = new HashMap<>();
  private final Map<TransportAddress, Integer> endpoints = new HashMap<>();
  private @Nullable PeerSet snapshot;

  LiveSet(Peer peer, Optional<Ports.Named> port) {
    this.peer = peer;
    this.port = port;
  }

  boolean followsNamespaces() {
    return peer instanceof Peer.Pods pods && pods.namespace().isEmpty();
  }

  boolean followsNodes() {
    return peer instanceof Peer.Nodes;
  }

  void add(NodeFacts node) {
    if (peer instanceof Peer.Nodes nodes && nodes.nodes().matches(node.labels())) {
      node.addresses().forEach(address -> count(addresses, address, 1));
    }
  }

  private boolean means(PodFacts pod, Map<String, String> labelsOfNamespace) {
    return switch (peer) {
      case Peer.Pods pods -> pods.matches(pod, labelsOfNamespace);
      case Peer.Anyone _ -> port.isPresent();
      case Peer.Nodes _ -> false;
      case Peer.Block block ->
          port.isPresent() && pod.addresses().stream().anyMatch(block::contains);
    };
  }

  void clear() {
    addresses.clear();
    endpoints.clear();
    snapshot = null;
  }

  void add(PodFacts pod, Map<String, String> labelsOfNamespace) {
    count(pod, labelsOfNamespace, 1);
  }

  void remove(PodFacts pod, Map<String, String> labelsOfNamespace) {
    count(pod, labelsOfNamespace, -1);
  }

  private void count(PodFacts pod, Map<String, String> labelsOfNamespace, int step) {
    if (pod.addresses().isEmpty() || !means(pod, labelsOfNamespace)) {
      return;
    }
    for (IpAddress address : pod.addresses()) {
      if (port.isEmpty()) {
        count(addresses, address, step);
      } else if (!(peer instanceof Peer.Block block) || block.contains(address)) {
        for (int number : pod.numbers(port.get())) {
          count(endpoints, new TransportAddress(address, number), step);
        }
      }
    }
  }

  private <T> void count(Map<T, Integer> counts, T element, int step) {
    Integer now = counts.merge(element, step, Integer::sum);
    if (now <= 0) {
      counts.remove(element);
    }
    if (now <= 0 || (now == 1 && step == 1)) {
      snapshot = null;
    }
  }

  PeerSet snapshot() {
    PeerSet known = snapshot;
    if (known == null) {
      known =
          port.isPresent()
              ? new PeerSet.Endpoints(Set.copyOf(endpoints.keySet()))
              : peer instanceof Peer.Block block
                  ? new PeerSet.Block(block)
                  : new PeerSet.Addresses(Set.copyOf(addresses.keySet()));
      snapshot = known;
    }
    return known;
  }
}
