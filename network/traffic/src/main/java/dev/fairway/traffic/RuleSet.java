// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.reconcile.ObjectKey;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/// All Services of one IP family on one node, as they are to be loaded.
///
/// @param targets where each front leads
/// @param refused cluster addresses: what comes to them and has no target is refused
/// @param hairpins endpoints on this node that may connect to themselves through a Service
public record RuleSet(Map<Front, Target> targets, Set<IpAddress> refused, Set<IpAddress> hairpins) {
  static final RuleSet EMPTY = new RuleSet(Map.of(), Set.of(), Set.of());

  public RuleSet {
    // The combiner hands over maps that nobody else has; copying 10,000 Services would cost more
    // than the rest of a change.
    targets = Collections.unmodifiableMap(targets);
    refused = Collections.unmodifiableSet(refused);
    hairpins = Collections.unmodifiableSet(hairpins);
  }

  /// Where a front leads; empty if it is nobody's or has no endpoint.
  public Optional<Target> target(Front front) {
    return Optional.ofNullable(targets.get(front));
  }

  /// The rules of all Services together. Where two want one front, the first by namespace and name
  /// gets it.
  ///
  /// @param services in that order
  /// @param problems told about each front that two want
  static Map<IpFamily, RuleSet> combine(
      Map<ObjectKey, ServiceRules> services, Consumer<String> problems) {
    Map<IpFamily, Combiner> combiners = new EnumMap<>(IpFamily.class);
    services.forEach((key, rules) -> {
      rules
          .targets()
          .forEach(
              (front, target) -> of(combiners, front.family()).add(key, front, target, problems));
      rules.addresses().forEach(address -> of(combiners, address.family()).refused.add(address));
      rules
          .localEndpoints()
          .forEach(address -> of(combiners, address.family()).hairpins.add(address));
    });
    Map<IpFamily, RuleSet> combined = new EnumMap<>(IpFamily.class);
    combiners.forEach((family, combiner) ->
        combined.put(family, new RuleSet(combiner.targets, combiner.refused, combiner.hairpins)));
    return combined;
  }

  private static Combiner of(Map<IpFamily, Combiner> combiners, IpFamily family) {
    return combiners.computeIfAbsent(family, f -> new Combiner());
  }

  private static final class Combiner {
    final Map<Front, Target> targets = new HashMap<>();
    final Map<Front, ObjectKey> owners = new HashMap<>();
    final Set<IpAddress> refused = new HashSet<>();
    final Set<IpAddress> hairpins = new HashSet<>();

    void add(ObjectKey service, Front front, Target target, Consumer<String> problems) {
      ObjectKey owner = owners.putIfAbsent(front, service);
      if (owner == null) {
        targets.put(front, target);
      } else {
        problems.accept(
            "Service "
                + service.namespace()
                + "/"
                + service.name()
                + ": "
                + front
                + " is served by "
                + owner.namespace()
                + "/"
                + owner.name()
                + " already; give one of them another port or address");
      }
    }
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
