// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;
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

  /// What happens to a connection, as the loaded rules would do it. A connection of an endpoint to
  /// itself is masqueraded only if it is that endpoint's turn, which is not known here.
  ///
  /// @param source where it comes from
  /// @param front where it goes
  /// @param podPrefixes as in [ServicesConfig#podPrefixes]
  public Decision decide(IpAddress source, Front front, List<Prefix> podPrefixes) {
    Target target = targets.get(front);
    if (target == null) {
      return refused.contains(front.address()) ? new Decision.Refused() : new Decision.Untouched();
    }
    List<Prefix> ofFamily =
        podPrefixes.stream().filter(p -> p.family() == source.family()).toList();
    boolean masqueraded =
        switch (target.reach()) {
          case EXTERNAL -> true;
          case LOCAL -> false;
          case CLUSTER ->
              !ofFamily.isEmpty() && ofFamily.stream().noneMatch(prefix -> prefix.contains(source));
        };
    return new Decision.Redirected(target.endpoints(), masqueraded);
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
