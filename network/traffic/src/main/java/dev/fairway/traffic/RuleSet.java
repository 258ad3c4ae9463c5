// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// All Services of one IP family on one node, as they are to be loaded.
///
/// @param targets where each front leads
/// @param refused cluster addresses: what comes to them and has no target is refused
/// @param hairpins endpoints on this node that may connect to themselves through a Service
public record RuleSet(Map<Front, Target> targets, Set<IpAddress> refused, Set<IpAddress> hairpins) {
  static final RuleSet EMPTY = new RuleSet(Map.of(), Set.of(), Set.of());

  public RuleSet {
    targets = Map.copyOf(targets);
    refused = Set.copyOf(refused);
    hairpins = Set.copyOf(hairpins);
  }

  /// Where a front leads; empty if it is nobody's or has no endpoint.
  public Optional<Target> target(Front front) {
    return Optional.ofNullable(targets.get(front));
  }

  /// One line a rule, in order, for people and golden files.
  public String print() {
    StringBuilder text = new StringBuilder();
    new TreeMap<>(targets)
        .forEach((front, target) -> text.append(front).append(' ').append(target).append('\n'));
    new TreeSet<>(refused)
        .forEach(address -> text.append("refuse the rest of ").append(address).append('\n'));
    new TreeSet<>(hairpins)
        .forEach(address -> text.append("hairpin ").append(address).append('\n'));
    return text.toString();
  }
}
