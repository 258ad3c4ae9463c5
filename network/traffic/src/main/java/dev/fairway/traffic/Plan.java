// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What leads from one rule set to another, as changes of elements. All of it happens at once, so
/// the order within does not matter to packets.
///
/// A changed element is deleted and added: nf_tables does not replace one.
record Plan(
    List<Target.Way> newWays,
    List<Front> deletedFronts,
    List<NewFront> newFronts,
    List<EndpointKey> deletedEndpoints,
    List<NewEndpoint> newEndpoints,
    List<IpAddress> deletedRefused,
    List<IpAddress> newRefused,
    List<IpAddress> deletedHairpins,
    List<IpAddress> newHairpins,
    List<Target.Way> deletedWays) {
  /// Which way a front is sent.
  record NewFront(Front front, Target.Way way) {}

  /// One place in the list of endpoints of a front.
  record EndpointKey(Front front, int index) {}

  /// What stands at that place.
  record NewEndpoint(EndpointKey key, TransportAddress address) {}

  boolean isEmpty() {
    return deletedFronts.isEmpty()
        && newFronts.isEmpty()
        && deletedEndpoints.isEmpty()
        && newEndpoints.isEmpty()
        && deletedRefused.isEmpty()
        && newRefused.isEmpty()
        && deletedHairpins.isEmpty()
        && newHairpins.isEmpty();
  }

  static Plan between(RuleSet before, RuleSet after) {
    List<Front> deletedFronts = new ArrayList<>();
    List<NewFront> newFronts = new ArrayList<>();
    List<EndpointKey> deletedEndpoints = new ArrayList<>();
    List<NewEndpoint> newEndpoints = new ArrayList<>();
    before
        .targets()
        .forEach((front, target) -> {
          Target next = after.targets().get(front);
          if (next == null) {
            deletedFronts.add(front);
            endpoints(front, target, null, deletedEndpoints, newEndpoints);
          }
        });
    after
        .targets()
        .forEach((front, target) -> {
          Target last = before.targets().get(front);
          if (target.equals(last)) {
            return;
          }
          if (last == null || !last.way().equals(target.way())) {
            newFronts.add(new NewFront(front, target.way()));
            if (last != null) {
              deletedFronts.add(front);
            }
          }
          endpoints(front, last, target, deletedEndpoints, newEndpoints);
        });
    Set<Target.Way> waysBefore = ways(before);
    Set<Target.Way> waysAfter = ways(after);
    return new Plan(
        without(waysAfter, waysBefore),
        deletedFronts,
        newFronts,
        deletedEndpoints,
        newEndpoints,
        without(before.refused(), after.refused()),
        without(after.refused(), before.refused()),
        without(before.hairpins(), after.hairpins()),
        without(after.hairpins(), before.hairpins()),
        without(waysBefore, waysAfter));
  }

  private static void endpoints(
      Front front,
      @Nullable Target before,
      @Nullable Target after,
      List<EndpointKey> deleted,
      List<NewEndpoint> added) {
    List<TransportAddress> old = before == null ? List.of() : before.endpoints();
    List<TransportAddress> wanted = after == null ? List.of() : after.endpoints();
    for (int i = 0; i < Math.max(old.size(), wanted.size()); i++) {
      boolean same = i < old.size() && i < wanted.size() && old.get(i).equals(wanted.get(i));
      if (!same && i < old.size()) {
        deleted.add(new EndpointKey(front, i));
      }
      if (!same && i < wanted.size()) {
        added.add(new NewEndpoint(new EndpointKey(front, i), wanted.get(i)));
      }
    }
  }

  private static Set<Target.Way> ways(RuleSet rules) {
    Set<Target.Way> ways = new HashSet<>();
    for (Target target : rules.targets().values()) {
      ways.add(target.way());
    }
    return ways;
  }

  private static <T extends Comparable<T>> List<T> without(Set<T> all, Set<T> those) {
    Set<T> rest = new TreeSet<>();
    for (T one : all) {
      if (!those.contains(one)) {
        rest.add(one);
      }
    }
    return List.copyOf(rest);
  }

  /// One line a change, for people and golden files.
  String print() {
    List<String> lines = new ArrayList<>();
    print(lines, newWays, way -> "add chain " + way.chain());
    print(lines, deletedFronts, front -> "delete " + front);
    print(lines, newFronts, added -> "add " + added.front() + " goto " + added.way().chain());
    print(lines, deletedEndpoints, key -> "delete " + key.front() + " [" + key.index() + "]");
    print(
        lines,
        newEndpoints,
        added ->
            "add " + added.key().front() + " [" + added.key().index() + "] " + added.address());
    print(lines, deletedRefused, address -> "no longer refuse the rest of " + address);
    print(lines, newRefused, address -> "refuse the rest of " + address);
    print(lines, deletedHairpins, address -> "delete hairpin " + address);
    print(lines, newHairpins, address -> "add hairpin " + address);
    print(lines, deletedWays, way -> "delete chain " + way.chain());
    return lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
  }

  private static <T> void print(List<String> lines, Collection<T> some, Function<T, String> line) {
    some.stream().map(line).sorted().forEach(lines::add);
  }
}
