// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import dev.fairway.controllers.objects.Pods;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.TaintBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Since when nodes have their taints, by [SteadyTime]: an object tells it by a clock, which counts
/// as it is when the taint is first seen here, and no more when it is set later. Safe for use by
/// many threads.
final class TaintTimes {
  /// More than any pod tolerates by default; what seems older may be a clock's mistake.
  private static final Duration OLDEST = Duration.ofDays(1);

  private record Known(String key, String effect, String told) {}

  private final Map<String, Map<Known, Instant>> since = new ConcurrentHashMap<>();

  /// The same taints, with times by [SteadyTime].
  List<Taint> steady(String node, List<Taint> taints) {
    Map<Known, Instant> before = since.getOrDefault(node, Map.of());
    Map<Known, Instant> after = new HashMap<>();
    List<Taint> steady = new ArrayList<>();
    for (Taint taint : taints) {
      String told = taint.getTimeAdded();
      if (told == null) {
        steady.add(taint);
        continue;
      }
      Known known = new Known(taint.getKey(), taint.getEffect(), told);
      Instant at = before.get(known);
      at = at == null ? SteadyTime.of(Pods.time(told), OLDEST) : at;
      after.put(known, at);
      steady.add(new TaintBuilder(taint).withTimeAdded(at.toString()).build());
    }
    since.put(node, after);
    return steady;
  }

  void forget(String node) {
    since.remove(node);
  }
}
