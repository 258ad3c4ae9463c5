// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.net.IpAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// Which pods of this node are in which groups, as they said last. Not for several threads at a
/// time.
final class Members {
  /// What the kernel lets one socket join by default is 20 (`igmp_max_memberships`).
  private static final int MOST_OF_A_POD = 64;

  /// Of a node, so that its annotation stays small.
  static final int MOST = 256;

  private final Map<IpAddress, Map<Integer, Long>> until = new HashMap<>();
  private final Map<Integer, Integer> groupsOf = new HashMap<>();

  /// @param link of the pod that reports
  /// @param end by `System.nanoTime()`, when this is forgotten if it is not said again
  void said(int link, GroupReport report, long end) {
    if (!report.member()) {
      leave(link, report.group());
      return;
    }
    Map<Integer, Long> members = until.get(report.group());
    boolean fresh = members == null || !members.containsKey(link);
    if (fresh
        && (groupsOf.getOrDefault(link, 0) >= MOST_OF_A_POD
            || (members == null && until.size() >= MOST))) {
      return;
    }
    until.computeIfAbsent(report.group(), _ -> new HashMap<>()).put(link, end);
    if (fresh) {
      groupsOf.merge(link, 1, Integer::sum);
    }
  }

  private void leave(int link, IpAddress group) {
    Map<Integer, Long> members = until.get(group);
    if (members != null && members.remove(link) != null) {
      count(link);
      if (members.isEmpty()) {
        until.remove(group);
      }
    }
  }

  private void count(int link) {
    groupsOf.computeIfPresent(link, (_, groups) -> groups == 1 ? null : groups - 1);
  }

  /// Forgets who is not there any more, and who has not said so again.
  void keep(java.util.Set<Integer> links, long now) {
    Iterator<Map<Integer, Long>> groups = until.values().iterator();
    while (groups.hasNext()) {
      Map<Integer, Long> members = groups.next();
      Iterator<Map.Entry<Integer, Long>> each = members.entrySet().iterator();
      while (each.hasNext()) {
        Map.Entry<Integer, Long> member = each.next();
        if (!links.contains(member.getKey()) || member.getValue() - now < 0) {
          each.remove();
          count(member.getKey());
        }
      }
      if (members.isEmpty()) {
        groups.remove();
      }
    }
  }

  List<Integer> links(IpAddress group) {
    return new ArrayList<>(until.getOrDefault(group, Map.of()).keySet());
  }

  /// In order.
  List<IpAddress> groups() {
    return List.copyOf(new TreeSet<>(until.keySet()));
  }
}
