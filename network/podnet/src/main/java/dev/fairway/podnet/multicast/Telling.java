// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.net.IpAddress;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// When the groups of a node's pods are told to the cluster. Each time, all nodes have to look at
/// it, and any pod can join and leave as often as it likes. So that a pod left is told late, as
/// packets that nobody takes do no harm; and the more often something is told, the rarer. Pure but
/// for what it remembers.
final class Telling {
  private static final long LEAST = Duration.ofSeconds(1).toNanos();
  private static final long MOST = Duration.ofSeconds(30).toNanos();
  private static final long LEFT = Duration.ofSeconds(60).toNanos();

  private List<IpAddress> told = List.of();
  private long at;
  private long pause = LEAST;

  /// @param now nanoseconds of any origin
  Telling(long now) {
    at = now - MOST;
  }

  /// How long to wait before these are told: 0 if that is now, [Long#MAX_VALUE] if there is no
  /// need.
  long wait(List<IpAddress> groups, long now) {
    if (groups.equals(told)) {
      return Long.MAX_VALUE;
    }
    Set<IpAddress> known = new HashSet<>(told);
    boolean joined = groups.stream().anyMatch(group -> !known.contains(group));
    return Math.max(0, at + (joined ? pause : Math.max(pause, LEFT)) - now);
  }

  /// What was told last.
  List<IpAddress> groups() {
    return told;
  }

  void told(List<IpAddress> groups, long now) {
    pause = now - at < 4 * pause ? Math.min(MOST, 2 * pause) : LEAST;
    told = List.copyOf(groups);
    at = now;
  }
}
