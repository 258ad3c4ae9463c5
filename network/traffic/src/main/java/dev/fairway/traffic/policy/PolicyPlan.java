// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.policy.PolicyRules.Isolated;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// What leads from one node's rules to others, of one IP family. All of it happens at once.
///
/// @param deletedChains in an order in which none is deleted while another leads to it
/// @param newDenying ClusterNetworkPolicies that deny something from now on
/// @param deletedDenying and those that do no more
/// @param deletedPods addresses that are isolated no more, or otherwise from now on
/// @param newPods addresses that are isolated now, or otherwise than before
record PolicyPlan(
    List<String> deletedSets,
    Map<String, PeerSet> newSets,
    List<Elements> changedSets,
    List<String> deletedChains,
    Map<String, Chain> newChains,
    List<String> newDenying,
    List<String> deletedDenying,
    Map<IpAddress, Isolated> deletedPods,
    Map<IpAddress, Isolated> newPods) {
  /// What changes in a set. Only one kind of the lists is used, as the set is.
  record Elements(
      String set,
      List<IpAddress> deleted,
      List<IpAddress> added,
      List<TransportAddress> deletedEndpoints,
      List<TransportAddress> addedEndpoints) {
    boolean isEmpty() {
      return deleted.isEmpty()
          && added.isEmpty()
          && deletedEndpoints.isEmpty()
          && addedEndpoints.isEmpty();
    }
  }

  boolean isEmpty() {
    return deletedSets.isEmpty()
        && newSets.isEmpty()
        && changedSets.isEmpty()
        && deletedChains.isEmpty()
        && newChains.isEmpty()
        && deletedPods.isEmpty()
        && newPods.isEmpty();
  }

  /// Whether something that was allowed may not be now.
  ///
  /// @param after the rules that the plan leads to
  boolean restricts(PolicyRules after) {
    if (!newPods.isEmpty()) {
      return true;
    }
    Set<String> grown = new HashSet<>();
    for (Elements set : changedSets) {
      if (!set.deleted.isEmpty() || !set.deletedEndpoints.isEmpty()) {
        return true;
      }
      grown.add(set.set);
    }
    return !grown.isEmpty()
        && after.chains().values().stream()
            .flatMap(chain -> chain.steps().stream())
            .anyMatch(step -> step.action() != Action.ACCEPT && grown.contains(step.peers()));
  }

  static PolicyPlan between(PolicyRules before, PolicyRules after, IpFamily family) {
    Map<String, PeerSet> newSets = new TreeMap<>();
    List<Elements> changed = new ArrayList<>();
    after
        .sets()
        .forEach((name, set) -> {
          PeerSet old = before.sets().get(name);
          if (old == null) {
            newSets.put(name, set);
          } else if (!old.equals(set)) {
            Elements elements = elements(name, old, set, family);
            if (!elements.isEmpty()) {
              changed.add(elements);
            }
          }
        });
    Map<String, Chain> newChains = new TreeMap<>(after.chains());
    newChains.keySet().removeAll(before.chains().keySet());
    List<String> deletedChains = without(before.chains().keySet(), after.chains().keySet());
    boolean sameChains = newChains.isEmpty() && deletedChains.isEmpty();
    Set<String> denied = sameChains ? Set.of() : before.denying();
    Set<String> denies = sameChains ? Set.of() : after.denying();
    Map<IpAddress, Isolated> deletedPods = new TreeMap<>();
    Map<IpAddress, Isolated> newPods = new TreeMap<>();
    before
        .pods()
        .forEach((address, isolated) -> {
          if (address.family() == family && !isolated.equals(after.pods().get(address))) {
            deletedPods.put(address, isolated);
          }
        });
    after
        .pods()
        .forEach((address, isolated) -> {
          if (address.family() == family && !isolated.equals(before.pods().get(address))) {
            newPods.put(address, isolated);
          }
        });
    return new PolicyPlan(
        without(before.sets().keySet(), after.sets().keySet()),
        newSets,
        changed,
        leadersFirst(deletedChains, before),
        newChains,
        without(denies, denied),
        without(denied, denies),
        deletedPods,
        newPods);
  }

  private static List<String> leadersFirst(List<String> chains, PolicyRules rules) {
    List<String> leaders = new ArrayList<>();
    List<String> others = new ArrayList<>();
    for (String name : chains) {
      Chain chain = rules.chains().get(name);
      (chain != null && chain.rest() instanceof Chain.Rest.Next ? leaders : others).add(name);
    }
    leaders.addAll(others);
    return leaders;
  }

  private static List<String> without(Set<String> all, Set<String> those) {
    Set<String> rest = new TreeSet<>(all);
    rest.removeAll(those);
    return List.copyOf(rest);
  }

  private static Elements elements(String name, PeerSet old, PeerSet now, IpFamily family) {
    return switch (now) {
      case PeerSet.Addresses(Set<IpAddress> addresses)
          when old instanceof PeerSet.Addresses(Set<IpAddress> were) ->
          new Elements(
              name,
              less(were, addresses, family),
              less(addresses, were, family),
              List.of(),
              List.of());
      case PeerSet.Endpoints(Set<TransportAddress> endpoints)
          when old instanceof PeerSet.Endpoints(Set<TransportAddress> were) -> {
        Set<TransportAddress> gone = new HashSet<>(were);
        gone.removeAll(endpoints);
        Set<TransportAddress> came = new HashSet<>(endpoints);
        came.removeAll(were);
        gone.removeIf(one -> one.address().family() != family);
        came.removeIf(one -> one.address().family() != family);
        yield new Elements(name, List.of(), List.of(), List.copyOf(gone), List.copyOf(came));
      }
      case PeerSet.Addresses _, PeerSet.Endpoints _, PeerSet.Block _ ->
          new Elements(name, List.of(), List.of(), List.of(), List.of());
    };
  }

  private static List<IpAddress> less(Set<IpAddress> all, Set<IpAddress> those, IpFamily family) {
    List<IpAddress> rest = new ArrayList<>();
    for (IpAddress address : all) {
      if (address.family() == family && !those.contains(address)) {
        rest.add(address);
      }
    }
    return rest;
  }
}
