// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.ObjectKey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The rules of all Services of one IP family put together, and what has changed in them since the
/// last [#takePlan]. A change costs what its Service costs, however many others there are.
///
/// Where two Services want one front, the first by namespace and name gets it. Not for several
/// threads.
final class RuleBook {
  private static final Comparator<Claim> ORDER =
      Comparator.comparing((Claim claim) -> claim.service().namespace())
          .thenComparing(claim -> claim.service().name());

  /// A Service that wants a front.
  private record Claim(ObjectKey service, Target target) {}

  private final Consumer<String> problems;
  private final Map<Front, List<Claim>> claims = new HashMap<>();
  private final Counts<IpAddress> refused;
  private final Counts<IpAddress> hairpins;
  private final Counts<Target.Way> ways;

  /// What stood at the changed fronts when the last plan was taken.
  private final Map<Front, @Nullable Target> before = new HashMap<>();

  /// Whether what changes is kept for a plan.
  private boolean followed;

  /// @param followed whether what changes is kept for a plan
  RuleBook(Consumer<String> problems, boolean followed) {
    this.problems = problems;
    this.followed = followed;
    this.refused = new Counts<>(followed);
    this.hairpins = new Counts<>(followed);
    this.ways = new Counts<>(followed);
  }

  /// Has what changes kept for a plan from now on, or not.
  void follow(boolean wanted) {
    followed = wanted;
    before.clear();
    refused.follow(wanted);
    hairpins.follow(wanted);
    ways.follow(wanted);
  }

  /// What leads from nothing to now.
  Plan everything() {
    List<Plan.Swap> swaps = new ArrayList<>(claims.size());
    claims.forEach(
        (front, list) -> swaps.add(new Plan.Swap(front, null, list.getFirst().target())));
    return Plan.of(
        swaps,
        Plan.Sides.of(Set.of(), ways.present()),
        Plan.Sides.added(refused.present()),
        Plan.Sides.added(hairpins.present()));
  }

  void add(ObjectKey service, Front front, Target target) {
    Claim claim = new Claim(service, target);
    List<Claim> others = claims.get(front);
    if (others == null) {
      replace(front, null, List.of(claim));
      return;
    }
    List<Claim> list = new ArrayList<>(others);
    list.add(claim);
    list.sort(ORDER);
    replace(front, others, list);
    if (list.size() > 1) {
      ObjectKey owner = list.getFirst().service();
      list.stream()
          .skip(1)
          .forEach(loser -> problems.accept(contested(loser.service(), front, owner)));
    }
  }

  void remove(ObjectKey service, Front front) {
    List<Claim> before = claims.getOrDefault(front, List.of());
    List<Claim> list = new ArrayList<>(before);
    list.removeIf(claim -> claim.service().equals(service));
    replace(front, before, list);
  }

  private void replace(Front front, @Nullable List<Claim> others, List<Claim> list) {
    Target old = owned(others);
    Target now = owned(list);
    if (list.isEmpty()) {
      claims.remove(front);
    } else {
      claims.put(front, list.size() == 1 ? List.of(list.getFirst()) : List.copyOf(list));
    }
    if (followed && !before.containsKey(front)) {
      before.put(front, old);
    }
    if (old != null) {
      old.ways().forEach(ways::remove);
    }
    if (now != null) {
      for (Target.Way way : now.ways()) {
        ways.add(way);
      }
    }
  }

  private static @Nullable Target owned(@Nullable List<Claim> list) {
    return list == null || list.isEmpty() ? null : list.getFirst().target();
  }

  private static String contested(ObjectKey service, Front front, ObjectKey owner) {
    return "Service "
        + service.namespace()
        + "/"
        + service.name()
        + ": "
        + front
        + " is served by "
        + owner.namespace()
        + "/"
        + owner.name()
        + " already; give one of them another port or address";
  }

  Counts<IpAddress> refused() {
    return refused;
  }

  Counts<IpAddress> hairpins() {
    return hairpins;
  }

  /// Where a front leads now.
  Optional<Target> target(Front front) {
    return Optional.ofNullable(owned(claims.get(front)));
  }

  int forEach(BiConsumer<Front, Target> visitor) {
    claims.forEach((front, list) -> visitor.accept(front, list.getFirst().target()));
    return claims.size();
  }

  /// Everything, as a value.
  RuleSet ruleSet() {
    Map<Front, Target> targets = HashMap.newHashMap(claims.size());
    claims.forEach((front, list) -> targets.put(front, list.getFirst().target()));
    return new RuleSet(targets, refused.present(), hairpins.present());
  }

  /// What leads from the last plan to now.
  Plan takePlan() {
    List<Plan.Swap> swaps = new ArrayList<>();
    before.forEach((front, old) -> {
      Target now = owned(claims.get(front));
      if (!Objects.equals(old, now)) {
        swaps.add(new Plan.Swap(front, old, now));
      }
    });
    before.clear();
    return Plan.of(swaps, ways.take(), refused.take(), hairpins.take());
  }

  /// How many Services want each thing, and which came or went since the last [#take].
  static final class Counts<T extends Comparable<T>> {
    private final Map<T, Integer> counts = new HashMap<>();
    private final Map<T, Boolean> wasThere = new HashMap<>();
    private boolean followed;

    Counts(boolean followed) {
      this.followed = followed;
    }

    /// Has what comes and goes kept for [#take] from now on, or not.
    void follow(boolean wanted) {
      followed = wanted;
      wasThere.clear();
    }

    void add(T thing) {
      Integer before = counts.put(thing, 1);
      if (before != null) {
        counts.put(thing, before + 1);
      }
      if (followed) {
        wasThere.putIfAbsent(thing, before != null);
      }
    }

    void remove(T thing) {
      if (followed) {
        wasThere.putIfAbsent(thing, counts.containsKey(thing));
      }
      counts.computeIfPresent(thing, (t, count) -> count == 1 ? null : count - 1);
    }

    Set<T> present() {
      return counts.keySet();
    }

    Plan.Sides<T> take() {
      Set<T> gone = new HashSet<>();
      Set<T> added = new HashSet<>();
      wasThere.forEach((thing, was) -> {
        boolean is = counts.containsKey(thing);
        if (was && !is) {
          gone.add(thing);
        } else if (!was && is) {
          added.add(thing);
        }
      });
      wasThere.clear();
      return Plan.Sides.of(gone, added);
    }
  }
}
