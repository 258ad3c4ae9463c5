// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;

/// The chains that a pod's connections in one direction pass, by what they say: pods whose policies
/// come to the same share them.
///
/// @param first the name of the one that is passed first
/// @param chains all of them by name
record PodChains(String first, Map<String, Chain> chains) {
  private static final Chain.Rest ALLOWED = new Chain.Rest.Allowed();
  private static final Chain.Rest DROPPED = new Chain.Rest.Dropped();

  PodChains {
    chains = Map.copyOf(chains);
  }

  /// Nothing may be.
  static PodChains closed(Direction direction) {
    return one(direction, new Chain(List.of(), DROPPED));
  }

  private static PodChains one(Direction direction, Chain chain) {
    String name = name(direction, chain);
    return new PodChains(name, Map.of(name, chain));
  }

  private static String name(Direction direction, Chain chain) {
    return direction.word() + "-" + PeerSets.digest(chain.toString());
  }

  /// Empty if nobody says anything of the pod in this direction.
  ///
  /// @param own NetworkPolicies of its namespace
  /// @param cluster of both tiers
  static Optional<PodChains> of(
      Direction direction,
      PodFacts pod,
      Iterable<Policy> own,
      SortedSet<ClusterPolicy> cluster,
      ClusterFacts facts,
      PeerSets sets) {
    List<Policy.Rule> allowed = new ArrayList<>();
    boolean isolated = false;
    for (Policy policy : own) {
      Optional<List<Policy.Rule>> rules = policy.rules(direction);
      if (rules.isPresent() && policy.selects(pod)) {
        isolated = true;
        allowed.addAll(rules.get());
      }
    }
    Set<Step> admin = new LinkedHashSet<>();
    Set<Step> baseline = new LinkedHashSet<>();
    Map<String, String> labels = facts.labelsOf(pod.key().namespace());
    for (ClusterPolicy policy : cluster) {
      boolean asked = policy.tier() == Tier.ADMIN || !isolated;
      if (asked && policy.selects(pod, labels)) {
        Set<Step> tier = policy.tier() == Tier.ADMIN ? admin : baseline;
        policy
            .rules(direction)
            .forEach(rule -> sets.steps(direction, pod, policy, rule, tier::add));
      }
    }
    Optional<PodChains> later = Optional.empty();
    if (isolated) {
      Set<Step> steps = sets.allowed(direction, pod, allowed);
      later = Optional.of(one(direction, new Chain(List.copyOf(steps), DROPPED)));
    } else if (!baseline.isEmpty()) {
      later = Optional.of(one(direction, new Chain(List.copyOf(baseline), ALLOWED)));
    }
    return admin.isEmpty() ? later : Optional.of(before(direction, List.copyOf(admin), later));
  }

  private static PodChains before(
      Direction direction, List<Step> steps, Optional<PodChains> later) {
    Chain.Rest rest =
        later.<Chain.Rest>map(next -> new Chain.Rest.Next(next.first)).orElse(ALLOWED);
    Chain chain = new Chain(steps, rest);
    String name = name(direction, chain);
    Map<String, Chain> all = new LinkedHashMap<>();
    later.ifPresent(next -> all.putAll(next.chains));
    all.put(name, chain);
    return new PodChains(name, all);
  }
}
