// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// What policies need to know of a node.
record NodeFacts(Map<String, String> labels, List<IpAddress> addresses) {
  NodeFacts {
    labels = Map.copyOf(labels);
    addresses = List.copyOf(addresses);
  }

  static NodeFacts of(Node node) {
    List<NodeAddress> told =
        node.getStatus() == null
            ? List.of()
            : Objects.requireNonNullElse(node.getStatus().getAddresses(), List.of());
    List<IpAddress> addresses = new ArrayList<>();
    for (NodeAddress one : told) {
      try {
        if (one != null && one.getAddress() != null) {
          addresses.add(IpAddress.parse(one.getAddress()));
        }
      } catch (IllegalArgumentException e) {
        // Some are names.
      }
    }
    return new NodeFacts(Selector.labels(node.getMetadata().getLabels()), addresses);
  }
}
