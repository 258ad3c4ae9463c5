// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One ClusterNetworkPolicy, understood. In the order in which they are asked; of two with the same
/// priority, about which the API promises nothing, by name.
///
/// @param priority the lower, the earlier
/// @param subject whose connections it is about
record ClusterPolicy(
    String name, Tier tier, int priority, Peer.Pods subject, List<Rule> ingress, List<Rule> egress)
    implements Comparable<ClusterPolicy> {
  private static final Comparator<ClusterPolicy> ORDER =
      Comparator.comparing(ClusterPolicy::tier)
          .thenComparingInt(ClusterPolicy::priority)
          .thenComparing(ClusterPolicy::name);

  /// @param name as written, or where it stands: `ingress[0]`
  /// @param match which connections it means
  record Rule(String name, Action action, Policy.Rule match) {}

  ClusterPolicy {
    ingress = List.copyOf(ingress);
    egress = List.copyOf(egress);
  }

  List<Rule> rules(Direction direction) {
    return switch (direction) {
      case INGRESS -> ingress;
      case EGRESS -> egress;
    };
  }

  boolean selects(PodFacts pod, Map<String, String> labelsOfNamespace) {
    return subject.matches(pod, labelsOfNamespace);
  }

  @Override
  public int compareTo(ClusterPolicy other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return "ClusterNetworkPolicy " + name + " (" + tier.word() + ")";
  }

  /// Everybody that two selectors mean.
  static Peer.Pods pods(Selector namespaces, Selector pods) {
    return new Peer.Pods(Optional.empty(), namespaces, pods);
  }
}
