// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import dev.fairway.linux.Iptables;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Chains and their rules, in two tables, as they are to be loaded.
///
/// A rule is what follows `-A CHAIN ` in the words of `iptables-restore`.
///
/// @param filter chains of table `filter`
/// @param nat chains of table `nat`
record IptablesRules(Map<String, List<String>> filter, Map<String, List<String>> nat) {
  static IptablesRules none() {
    return new IptablesRules(Map.of(), Map.of());
  }

  /// The names of all chains, by table.
  Map<String, List<String>> chains() {
    return Map.of("filter", List.copyOf(filter.keySet()), "nat", List.copyOf(nat.keySet()));
  }

  /// What is not as these chains are, by their names and how many rules they have. How the rules
  /// are worded only a listing knows that was made when they were right.
  ///
  /// @param idle what else may be in `nat`
  List<String> differences(Iptables.Listing there, Set<String> idle) {
    List<String> found = new ArrayList<>();
    differences("filter", filter, there, Set.of(), found);
    differences("nat", nat, there, idle, found);
    return found;
  }

  private static void differences(
      String table,
      Map<String, List<String>> wanted,
      Iptables.Listing there,
      Set<String> idle,
      List<String> found) {
    Map<String, Integer> counts = new HashMap<>();
    for (String chain : there.chains().getOrDefault(table, List.of())) {
      if (KubeChains.isOurs(chain) && (!idle.contains(chain) || wanted.containsKey(chain))) {
        counts.put(chain, 0);
      }
    }
    for (String rule : there.rules().getOrDefault(table, List.of())) {
      int space = rule.indexOf(' ');
      counts.computeIfPresent(
          space < 0 ? rule : rule.substring(0, space), (chain, count) -> count + 1);
    }
    wanted.forEach((chain, rules) -> {
      Integer count = counts.remove(chain);
      String of = "chain " + chain + " of table " + table;
      if (count == null) {
        found.add(of + " is gone");
      } else if (count < rules.size()) {
        found.add("a rule in " + of + " is gone");
      } else if (count > rules.size()) {
        found.add("a rule in " + of + " is somebody else's");
      }
    });
    counts
        .keySet()
        .forEach(
            chain -> found.add("chain " + chain + " of table " + table + " is somebody else's"));
  }

  /// What `iptables-restore --noflush` is to be told so that one becomes the other.
  ///
  /// A packet that is on its way through the chains while a transaction ends sees some of them as
  /// they were and some as they are, so what one transaction does must go with what was before:
  /// chains are there before others lead to them, and stay for a while when none does any more.
  ///
  /// @param there the chains that are in the kernel
  /// @param idle of those in `nat`, the ones that nothing has led to since an earlier change
  /// @param due of the idle, those that are to be deleted if they are not wanted again
  static String change(
      IptablesRules before,
      IptablesRules after,
      Map<String, List<String>> there,
      Set<String> idle,
      Set<String> due) {
    String filter = filter(before.filter, after.filter, there.getOrDefault("filter", List.of()));
    List<String> inNat = there.getOrDefault("nat", List.of());
    String nat = nat(before.nat, after.nat, new HashSet<>(inNat), idle, due);
    // What has its first endpoints is refused until packets are led to them.
    return losesRulesOnly(before.filter, after.filter) ? nat + filter : filter + nat;
  }

  private static boolean losesRulesOnly(
      Map<String, List<String>> before, Map<String, List<String>> after) {
    for (Map.Entry<String, List<String>> chain : after.entrySet()) {
      List<String> rules = before.get(chain.getKey());
      if (rules == null
          || (!rules.equals(chain.getValue())
              && !new HashSet<>(rules).containsAll(chain.getValue()))) {
        return false;
      }
    }
    return true;
  }

  private static String filter(
      Map<String, List<String>> before, Map<String, List<String>> after, List<String> there) {
    Map<String, List<String>> changed = new LinkedHashMap<>();
    after.forEach((chain, rules) -> {
      if (!rules.equals(before.get(chain))) {
        changed.put(chain, rules);
      }
    });
    List<String> gone = new ArrayList<>();
    for (String chain : there) {
      if (KubeChains.isOurs(chain) && !after.containsKey(chain)) {
        gone.add(chain);
      }
    }
    return transaction("filter", changed, gone);
  }

  private static String nat(
      Map<String, List<String>> before,
      Map<String, List<String>> after,
      Set<String> there,
      Set<String> idle,
      Set<String> due) {
    Map<String, List<String>> unused = new LinkedHashMap<>();
    Map<String, List<String>> used = new LinkedHashMap<>();
    after.forEach((chain, rules) -> {
      if (!there.contains(chain) || idle.contains(chain)) {
        unused.put(chain, rules);
      } else if (!rules.equals(before.get(chain))) {
        used.put(chain, rules);
      }
    });
    List<String> gone = due.stream().filter(chain -> !after.containsKey(chain)).toList();
    return transaction("nat", unused, gone) + transaction("nat", used, List.of());
  }

  /// Deletes chains of `nat`.
  static String deletion(Collection<String> chains) {
    return transaction("nat", Map.of(), chains);
  }

  private static String transaction(
      String table, Map<String, List<String>> changed, Collection<String> gone) {
    if (changed.isEmpty() && gone.isEmpty()) {
      return "";
    }
    StringBuilder text = new StringBuilder().append('*').append(table).append('\n');
    // Naming a chain empties it, so that those that go do not refer to one another.
    changed.keySet().forEach(chain -> text.append(':').append(chain).append(" - [0:0]\n"));
    gone.forEach(chain -> text.append(':').append(chain).append(" - [0:0]\n"));
    changed.forEach((chain, rules) ->
        rules.forEach(
            rule -> text.append("-A ").append(chain).append(' ').append(rule).append('\n')));
    gone.forEach(chain -> text.append("-X ").append(chain).append('\n'));
    return text.append("COMMIT\n").toString();
  }
}
