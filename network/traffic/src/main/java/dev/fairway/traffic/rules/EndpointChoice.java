// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.TransportAddress;
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
