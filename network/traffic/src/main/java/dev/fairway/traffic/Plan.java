// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
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

  /// The UDP fronts whose clients may still be sent to an endpoint that is no longer theirs: UDP
  /// has no end of a connection, so a busy client's entry would never go away by itself.
  Set<Front> staleFronts() {
    Set<Front> fronts = new HashSet<>();
    for (EndpointKey key : deletedEndpoints) {
      if (key.front().protocol() == Protocol.UDP) {
        fronts.add(key.front());
      }
    }
    return fronts;
  }

  /// What happens to one front; null stands for no target.
  record Swap(Front front, @Nullable Target before, @Nullable Target after) {}

  /// What goes and what comes, in order.
  record Sides<T extends Comparable<T>>(List<T> gone, List<T> added) {
    static <T extends Comparable<T>> Sides<T> of(Set<T> gone, Set<T> added) {
      return new Sides<>(List.copyOf(new TreeSet<>(gone)), List.copyOf(new TreeSet<>(added)));
    }

    static <T extends Comparable<T>> Sides<T> between(Set<T> before, Set<T> after) {
      return of(without(before, after), without(after, before));
    }

    private static <T> Set<T> without(Set<T> all, Set<T> those) {
      Set<T> rest = new HashSet<>(all);
      rest.removeAll(those);
      return rest;
    }
  }

  static Plan between(RuleSet before, RuleSet after) {
    List<Swap> swaps = new ArrayList<>();
    before
        .targets()
        .forEach((front, old) -> swaps.add(new Swap(front, old, after.targets().get(front))));
    after
        .targets()
        .forEach((front, target) -> {
          if (!before.targets().containsKey(front)) {
            swaps.add(new Swap(front, null, target));
          }
        });
    return of(
        swaps,
        Sides.between(ways(before), ways(after)),
        Sides.between(before.refused(), after.refused()),
        Sides.between(before.hairpins(), after.hairpins()));
  }

  static Plan of(
      List<Swap> swaps,
      Sides<Target.Way> ways,
      Sides<IpAddress> refused,
      Sides<IpAddress> hairpins) {
    List<Front> deletedFronts = new ArrayList<>();
    List<NewFront> newFronts = new ArrayList<>();
    List<EndpointKey> deletedEndpoints = new ArrayList<>();
    List<NewEndpoint> newEndpoints = new ArrayList<>();
    for (Swap swap : swaps) {
      Target before = swap.before();
      Target after = swap.after();
      boolean sameWay = before != null && after != null && before.way().equals(after.way());
      if (before != null && !sameWay) {
        deletedFronts.add(swap.front());
      }
      if (after != null && !sameWay) {
        newFronts.add(new NewFront(swap.front(), after.way()));
      }
      endpoints(swap.front(), before, after, deletedEndpoints, newEndpoints);
    }
    return new Plan(
        ways.added(),
        deletedFronts,
        newFronts,
        deletedEndpoints,
        newEndpoints,
        refused.gone(),
        refused.added(),
        hairpins.gone(),
        hairpins.added(),
        ways.gone());
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
