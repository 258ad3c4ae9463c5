// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.reconcile.SteadyTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// How long a container that keeps ending must rest: nothing the first time, then 10 s doubling to
/// 5 min, and nothing again after it ran for 10 min.
final class CrashBackoff {
  private static final Duration FIRST = Duration.ofSeconds(10);
  private static final Duration LONGEST = Duration.ofMinutes(5);
  private static final Duration FORGIVEN_AFTER = Duration.ofMinutes(10);

  private final Map<String, Duration> rests = new ConcurrentHashMap<>();
  private final Map<String, End> ends = new ConcurrentHashMap<>();

  /// When a run ended, by [SteadyTime].
  private record End(String id, Instant at) {}

  /// When the container may run again after this run, by [SteadyTime].
  Instant notBefore(ObservedPod.Container ended) {
    if (Duration.between(ended.started(), ended.finished()).compareTo(FORGIVEN_AFTER) > 0) {
      rests.remove(ended.name());
    }
    Duration rest = rests.get(ended.name());
    return rest == null ? Instant.EPOCH : end(ended).plus(rest);
  }

  /// The clock may have been set since: what counts is the age the end had when it was first seen.
  private Instant end(ObservedPod.Container ended) {
    return ends.compute(
            ended.name(),
            (_, known) ->
                known != null && known.id.equals(ended.id())
                    ? known
                    : new End(ended.id(), SteadyTime.of(ended.finished(), LONGEST)))
        .at;
  }

  Duration rest(String container) {
    return rests.getOrDefault(container, Duration.ZERO);
  }

  /// The container was started again after it had ended.
  void restarted(String container) {
    rests.merge(
        container,
        FIRST,
        (rest, _) -> {
          Duration twice = rest.multipliedBy(2);
          return twice.compareTo(LONGEST) > 0 ? LONGEST : twice;
        });
  }
}
