// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.TransportAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/// Chooses which endpoints of a port a node uses. Pure.
///
/// Those that are ready count; where none is, those that still serve while they end (KEP-1669).
/// Hints narrow them down only if every ready endpoint has them and some name this node, or else
/// its zone (KEP-2433, KEP-3015).
final class EndpointChoice {
  /// One endpoint of one port.
  ///
  /// @param ending whether it still serves while it ends
  /// @param nodes for which nodes it is meant; empty if nobody said so
  /// @param zones for which zones it is meant; empty if nobody said so
  record Candidate(
      TransportAddress address,
      boolean ready,
      boolean ending,
      boolean local,
      Set<String> nodes,
      Set<String> zones) {}

  private EndpointChoice() {}

  /// @param zone of the node, empty if it has none
  static Endpoints of(List<Candidate> candidates, String nodeName, String zone) {
    List<TransportAddress> alike = alike(candidates);
    if (!alike.isEmpty()) {
      return new Endpoints(alike, List.of(), List.of(), true);
    }
    Predicate<Candidate> meantForUs = meantForUs(candidates, nodeName, zone);
    List<TransportAddress> cluster = addresses(candidates, c -> c.ready() && meantForUs.test(c));
    if (cluster.isEmpty()) {
      cluster = addresses(candidates, Candidate::ending);
    }
    List<TransportAddress> local = addresses(candidates, c -> c.local() && c.ready());
    if (local.isEmpty()) {
      local = addresses(candidates, c -> c.local() && c.ending());
    }
    Set<TransportAddress> used = new TreeSet<>(cluster);
    used.addAll(local);
    List<TransportAddress> onNode =
        addresses(candidates, c -> c.local() && used.contains(c.address()));
    boolean any = candidates.stream().anyMatch(c -> c.ready() || c.ending());
    return new Endpoints(cluster, local, onNode, any);
  }

  /// All of them, if there is nothing to choose: they are ready, elsewhere, and for everybody. So
  /// it is with nearly every Service, and an agent that starts reads all of them.
  private static List<TransportAddress> alike(List<Candidate> candidates) {
    TransportAddress[] all = new TransportAddress[candidates.size()];
    for (int i = 0; i < all.length; i++) {
      Candidate one = candidates.get(i);
      if (!one.ready() || one.local() || !one.nodes().isEmpty() || !one.zones().isEmpty()) {
        return List.of();
      }
      all[i] = one.address();
    }
    Arrays.sort(all);
    for (int i = 1; i < all.length; i++) {
      if (all[i].equals(all[i - 1])) {
        return List.of();
      }
    }
    return List.of(all);
  }

  private static Predicate<Candidate> meantForUs(
      List<Candidate> candidates, String nodeName, String zone) {
    List<Candidate> ready = candidates.stream().filter(Candidate::ready).toList();
    if (!ready.isEmpty()
        && ready.stream().noneMatch(c -> c.nodes().isEmpty())
        && ready.stream().anyMatch(c -> c.nodes().contains(nodeName))) {
      return c -> c.nodes().contains(nodeName);
    }
    if (!ready.isEmpty()
        && ready.stream().noneMatch(c -> c.zones().isEmpty())
        && ready.stream().anyMatch(c -> c.zones().contains(zone))) {
      return c -> c.zones().contains(zone);
    }
    return c -> true;
  }

  private static List<TransportAddress> addresses(
      List<Candidate> candidates, Predicate<Candidate> which) {
    TreeSet<TransportAddress> found = new TreeSet<>();
    for (Candidate candidate : candidates) {
      if (which.test(candidate)) {
        found.add(candidate.address());
      }
    }
    return List.copyOf(found);
  }
}
