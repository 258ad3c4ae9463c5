// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/// Chains that nothing leads to any more. They stay for a while, as a packet may have been sent
/// there just before: in a chain that is gone it would find nothing, and go on untranslated.
final class IdleChains {
  private static final Duration WHILE = Duration.ofSeconds(1);

  private final Map<String, Long> since = new LinkedHashMap<>();

  /// Those that cannot go, as somebody else's rules lead to them.
  private final Set<String> used = new HashSet<>();

  Set<String> names() {
    return Set.copyOf(since.keySet());
  }

  /// Those that have stayed for long enough.
  Set<String> due() {
    long now = System.nanoTime();
    Set<String> due = new HashSet<>();
    since.forEach((chain, from) -> {
      if (now - from >= WHILE.toNanos() && !used.contains(chain)) {
        due.add(chain);
      }
    });
    return due;
  }

  /// These are idle from now on, unless they are already.
  void add(Collection<String> chains) {
    long now = System.nanoTime();
    chains.forEach(chain -> since.putIfAbsent(chain, now));
  }

  /// This one cannot go.
  void keep(String chain) {
    used.add(chain);
  }

  /// These are wanted again, or gone.
  void remove(Collection<String> chains) {
    since.keySet().removeAll(chains);
    used.removeAll(chains);
  }
}
