// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What leads from one rule set to another, as changes of elements. All of it happens at once, so
/// the order within does not matter to packets.
///
/// A changed element is deleted and added: nf_tables does not replace one.
///
/// @param swaps the fronts whose target is another, for what the elements do not say
/// @param deletedFronts those that lead elsewhere now, or nowhere
/// @param deletedNumbers places in the lists of fronts with affinity that have another number now
/// @param deletedKept endpoints that clients of a front with affinity keep no longer
/// @param deletedWays the ways that nobody needs any more; one that others build on comes after
///   them
public record Plan(
    List<Swap> swaps,
    List<Target.Way> newWays,
    List<Front> deletedFronts,
    List<NewFront> newFronts,
    List<EndpointKey> deletedEndpoints,
    List<NewEndpoint> newEndpoints,
    List<EndpointKey> deletedNumbers,
    List<NewNumber> newNumbers,
    List<Kept> deletedKept,
    List<Kept> newKept,
    List<IpAddress> deletedRefused,
    List<IpAddress> newRefused,
    List<IpAddress> deletedHairpins,
    List<IpAddress> newHairpins,
    List<Target.Way> deletedWays) {
  /// Where in the list of a front its endpoints for clients from outside begin.
  public static final int HERE = 0x8000;

  /// What happens at a front.
  public record NewFront(Front front, Target target) {}

  /// One place in the list of endpoints of a front.
  public record EndpointKey(Front front, int index) {}

  /// What stands at that place.
  public record NewEndpoint(EndpointKey key, TransportAddress address) {}

  /// The number of the endpoint at a place, which stays the same whatever its place.
  public record NewNumber(EndpointKey key, int number) {}

  /// An endpoint that a client of a front with affinity may come back to.
  ///
  /// @param number its own within the front
  public record Kept(Front front, int number, TransportAddress address)
      implements Comparable<Kept> {
    @Override
    public int compareTo(Kept other) {
      int byFront = front.compareTo(other.front);
      return byFront != 0 ? byFront : Integer.compare(number, other.number);
    }
  }

  public boolean isEmpty() {
    return deletedFronts.isEmpty()
        && newFronts.isEmpty()
        && deletedEndpoints.isEmpty()
        && newEndpoints.isEmpty()
        && deletedNumbers.isEmpty()
        && newNumbers.isEmpty()
        && deletedKept.isEmpty()
        && newKept.isEmpty()
        && deletedRefused.isEmpty()
        && newRefused.isEmpty()
        && deletedHairpins.isEmpty()
        && newHairpins.isEmpty();
  }

  /// The UDP fronts whose clients may still be sent where they are not to go any more: UDP has no
  /// end of a connection, so a busy client's entry would never go away by itself. A front that had
  /// no endpoints counts, too: connection tracking may remember that nothing was done.
  public Set<Front> staleFronts() {
    Set<Front> fronts = new HashSet<>();
    for (Swap swap : swaps) {
      if (swap.front().protocol() == Protocol.UDP && swap.leavesSomeBehind()) {
        fronts.add(swap.front());
      }
    }
    return fronts;
  }

  /// What happens to one front; null stands for no target.
  public record Swap(Front front, @Nullable Target before, @Nullable Target after) {
    private boolean leavesSomeBehind() {
      if (!(before instanceof Target.Balanced old) || !(after instanceof Target.Balanced now)) {
        return before != null || after instanceof Target.Balanced;
      }
      return old.reach() != now.reach()
          || !now.sources().equals(old.sources())
          || !new HashSet<>(now.endpoints()).containsAll(old.endpoints())
          || !new HashSet<>(now.here()).containsAll(old.here());
    }
  }

  /// What goes and what comes, in order.
  record Sides<T extends Comparable<T>>(List<T> gone, List<T> added) {
    static <T extends Comparable<T>> Sides<T> of(Set<T> gone, Set<T> added) {
      return new Sides<>(List.copyOf(new TreeSet<>(gone)), List.copyOf(new TreeSet<>(added)));
    }

    /// What comes where nothing was, in no order.
    static <T extends Comparable<T>> Sides<T> added(Set<T> added) {
      return new Sides<>(List.of(), List.copyOf(added));
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

  public static Plan between(RuleSet before, RuleSet after) {
    List<Swap> swaps = new ArrayList<>();
    before
        .targets()
        .forEach((front, old) -> {
          Target now = after.targets().get(front);
          if (!old.equals(now)) {
            swaps.add(new Swap(front, old, now));
          }
        });
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
    List<EndpointKey> deletedNumbers = new ArrayList<>();
    List<NewNumber> newNumbers = new ArrayList<>();
    Set<Kept> keptBefore = new HashSet<>();
    Set<Kept> keptAfter = new HashSet<>();
    for (Swap swap : swaps) {
      Target before = swap.before();
      Target after = swap.after();
      boolean same = before != null && after != null && alike(before, after);
      if (before != null && !same) {
        deletedFronts.add(swap.front());
      }
      if (after != null && !same) {
        newFronts.add(new NewFront(swap.front(), after));
      }
      Lists old = Lists.of(before);
      Lists now = Lists.of(after);
      Front front = swap.front();
      endpoints(front, 0, old.endpoints, now.endpoints, deletedEndpoints, newEndpoints);
      endpoints(front, HERE, old.here, now.here, deletedEndpoints, newEndpoints);
      if (!isSticky(before) && !isSticky(after)) {
        continue;
      }
      List<Numbered> oldNumbers = numbers(before);
      List<Numbered> nowNumbers = numbers(after);
      numbers(front, oldNumbers, nowNumbers, deletedNumbers, newNumbers);
      oldNumbers.forEach(one -> keptBefore.add(new Kept(front, one.number(), one.endpoint())));
      nowNumbers.forEach(one -> keptAfter.add(new Kept(front, one.number(), one.endpoint())));
    }
    Sides<Kept> kept = Sides.between(keptBefore, keptAfter);
    return new Plan(
        swaps,
        // What others build on is the shorter name of the two.
        ways.added(),
        deletedFronts,
        newFronts,
        deletedEndpoints,
        newEndpoints,
        deletedNumbers,
        newNumbers,
        kept.gone(),
        kept.added(),
        refused.gone(),
        refused.added(),
        hairpins.gone(),
        hairpins.added(),
        ways.gone().reversed());
  }

  /// Whether the front's element stays.
  private static boolean alike(Target before, Target after) {
    if (before instanceof Target.Balanced old && after instanceof Target.Balanced now) {
      return old.way().equals(now.way());
    }
    return before.equals(after);
  }

  private static boolean isSticky(@Nullable Target target) {
    return target instanceof Target.Balanced balanced && balanced.affinity().isPresent();
  }

  private record Lists(List<TransportAddress> endpoints, List<TransportAddress> here) {
    private static final Lists NONE = new Lists(List.of(), List.of());

    static Lists of(@Nullable Target target) {
      return target instanceof Target.Balanced balanced
          ? new Lists(balanced.places(), balanced.placesHere())
          : NONE;
    }
  }

  /// The numbers of a front's endpoints, if it has affinity: first those of the one list, then of
  /// the other. They depend on the address, so that what clients have of an agent before means the
  /// same; where two would have one, the latter gets the next. Who comes from outside has numbers
  /// of its own, and so has each policy: after a change nobody keeps what it may not have.
  static List<Numbered> numbers(@Nullable Target target) {
    if (!(target instanceof Target.Balanced balanced) || balanced.affinity().isEmpty()) {
      return List.of();
    }
    List<Numbered> numbered = new ArrayList<>();
    Set<Integer> taken = new HashSet<>();
    int policy = balanced.reach().word().hashCode();
    number(balanced.endpoints(), 0, policy, taken, numbered);
    number(balanced.here(), HERE, ~policy, taken, numbered);
    return numbered;
  }

  /// @param index where in the list
  record Numbered(int index, int number, TransportAddress endpoint) {}

  private static void number(
      List<TransportAddress> endpoints,
      int first,
      int salt,
      Set<Integer> taken,
      List<Numbered> numbered) {
    for (int i = 0; i < endpoints.size(); i++) {
      TransportAddress endpoint = endpoints.get(i);
      IpAddress address = endpoint.address();
      int number =
          31 * (31 * Long.hashCode(address.high() * 31 + address.low()) + endpoint.port()) + salt;
      while (!taken.add(number)) {
        number++;
      }
      numbered.add(new Numbered(first + i, number, endpoint));
    }
  }

  private static void numbers(
      Front front,
      List<Numbered> old,
      List<Numbered> wanted,
      List<EndpointKey> deleted,
      List<NewNumber> added) {
    Map<Integer, Integer> before = byIndex(old);
    Map<Integer, Integer> after = byIndex(wanted);
    before.forEach((index, number) -> {
      if (!number.equals(after.get(index))) {
        deleted.add(new EndpointKey(front, index));
      }
    });
    after.forEach((index, number) -> {
      if (!number.equals(before.get(index))) {
        added.add(new NewNumber(new EndpointKey(front, index), number));
      }
    });
  }

  private static Map<Integer, Integer> byIndex(List<Numbered> numbered) {
    Map<Integer, Integer> byIndex = new TreeMap<>();
    numbered.forEach(one -> byIndex.put(one.index(), one.number()));
    return byIndex;
  }

  private static void endpoints(
      Front front,
      int first,
      List<TransportAddress> old,
      List<TransportAddress> wanted,
      List<EndpointKey> deleted,
      List<NewEndpoint> added) {
    for (int i = 0; i < Math.max(old.size(), wanted.size()); i++) {
      boolean same = i < old.size() && i < wanted.size() && old.get(i).equals(wanted.get(i));
      if (!same && i < old.size()) {
        deleted.add(new EndpointKey(front, first + i));
      }
      if (!same && i < wanted.size()) {
        added.add(new NewEndpoint(new EndpointKey(front, first + i), wanted.get(i)));
      }
    }
  }

  private static Set<Target.Way> ways(RuleSet rules) {
    Set<Target.Way> ways = new HashSet<>();
    for (Target target : rules.targets().values()) {
      ways.addAll(target.ways());
    }
    return ways;
  }

  /// One line a change, for people and golden files.
  public String print() {
    List<String> lines = new ArrayList<>();
    print(lines, newWays, way -> "add chain " + way.chain());
    print(lines, deletedFronts, front -> "delete " + front);
    print(lines, newFronts, added -> "add " + added.front() + " " + way(added.target()));
    print(lines, deletedEndpoints, key -> "delete " + print(key));
    print(lines, newEndpoints, added -> "add " + print(added.key()) + " " + added.address());
    print(lines, deletedKept, kept -> "nobody keeps " + kept.address() + " of " + kept.front());
    print(lines, newKept, kept -> "clients may keep " + kept.address() + " of " + kept.front());
    print(lines, deletedRefused, address -> "no longer refuse the rest of " + address);
    print(lines, newRefused, address -> "refuse the rest of " + address);
    print(lines, deletedHairpins, address -> "delete hairpin " + address);
    print(lines, newHairpins, address -> "add hairpin " + address);
    print(lines, deletedWays, way -> "delete chain " + way.chain());
    return lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
  }

  private static String way(Target target) {
    return target instanceof Target.Balanced balanced
        ? "goto " + balanced.way().chain()
        : target.toString();
  }

  private static String print(EndpointKey key) {
    Optional<Integer> here =
        key.index() < HERE ? Optional.empty() : Optional.of(key.index() - HERE);
    return key.front()
        + here.map(index -> " [here " + index + "]").orElse(" [" + key.index() + "]");
  }

  private static <T> void print(List<String> lines, Collection<T> some, Function<T, String> line) {
    some.stream().map(line).sorted().forEach(lines::add);
  }
}
