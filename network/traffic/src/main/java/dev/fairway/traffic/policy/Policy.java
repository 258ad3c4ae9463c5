// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.reconcile.ObjectKey;
import java.util.List;
import java.util.Optional;

/// One NetworkPolicy, understood.
///
/// @param pods whom it isolates, of its own namespace
/// @param ingress what may come to them; empty if it does not isolate in this direction
/// @param egress what they may send; empty likewise
record Policy(
    ObjectKey key, Selector pods, Optional<List<Rule>> ingress, Optional<List<Rule>> egress) {
  /// Allows what one of the peers sends or is sent at one of the ports.
  record Rule(List<Peer> peers, List<Ports> ports) {
    Rule {
      peers = List.copyOf(peers);
      ports = List.copyOf(ports);
    }
  }

  Policy {
    ingress = ingress.map(List::copyOf);
    egress = egress.map(List::copyOf);
  }

  Optional<List<Rule>> rules(Direction direction) {
    return switch (direction) {
      case INGRESS -> ingress;
      case EGRESS -> egress;
    };
  }

  boolean selects(PodFacts pod) {
    return key.namespace().equals(pod.key().namespace()) && pods.matches(pod.labels());
  }

  @Override
  public String toString() {
    return key.namespace() + "/" + key.name();
  }
}
