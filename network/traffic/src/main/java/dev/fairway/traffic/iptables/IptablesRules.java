// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import dev.fairway.linux.Iptables;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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
  List<String> differences(Iptables.Listing there) {
    List<String> found = new ArrayList<>();
    differences("filter", filter, there, found);
    differences("nat", nat, there, found);
    return found;
  }

  private static void differences(
      String table, Map<String, List<String>> wanted, Iptables.Listing there, List<String> found) {
    Map<String, Integer> counts = new HashMap<>();
    for (String chain : there.chains().getOrDefault(table, List.of())) {
      if (KubeChains.isOurs(chain)) {
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
  /// @param there the chains that are in the kernel: of those only ours that are no longer wanted
  ///   are deleted
  static String change(IptablesRules before, IptablesRules after, Map<String, List<String>> there) {
    return change("filter", before.filter, after.filter, there.getOrDefault("filter", List.of()))
        + change("nat", before.nat, after.nat, there.getOrDefault("nat", List.of()));
  }

  private static String change(
      String table,
      Map<String, List<String>> before,
      Map<String, List<String>> after,
      List<String> there) {
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
