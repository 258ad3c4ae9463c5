// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.Service;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/// Remembers when the pods of each Service last changed between ready and not, to say what is new
/// about them. The times are as Kubernetes writes them, which sort as text.
final class TriggerTimes {
  /// @param service when it was created
  /// @param pods by UID
  private record Seen(String service, Map<String, String> pods) {}

  private final Map<ObjectKey, Seen> seen = new ConcurrentHashMap<>();

  /// The oldest change that was not there when this was asked last; empty if none is known.
  Optional<String> next(Service service, Collection<Pod> pods) {
    ObjectKey key = ObjectKey.of(service);
    Seen before = seen.getOrDefault(key, new Seen("", Map.of()));
    Map<String, String> times = new HashMap<>();
    for (Pod pod : pods) {
      readied(pod).ifPresent(time -> times.put(pod.getMetadata().getUid(), time));
    }
    String created = service.getMetadata().getCreationTimestamp();
    Seen now = new Seen(created == null ? "" : created, times);
    seen.put(key, now);
    String oldest = now.service.equals(before.service) ? "" : now.service;
    for (Map.Entry<String, String> each : times.entrySet()) {
      boolean isNew = each.getValue().compareTo(before.pods.getOrDefault(each.getKey(), "")) > 0;
      if (isNew && (oldest.isEmpty() || each.getValue().compareTo(oldest) < 0)) {
        oldest = each.getValue();
      }
    }
    return Optional.of(oldest).filter(time -> !time.isEmpty());
  }

  void forget(ObjectKey service) {
    seen.remove(service);
  }

  private static Optional<String> readied(Pod pod) {
    if (pod.getStatus() == null || pod.getStatus().getConditions() == null) {
      return Optional.empty();
    }
    for (PodCondition each : pod.getStatus().getConditions()) {
      if ("Ready".equals(each.getType())) {
        return Optional.ofNullable(each.getLastTransitionTime());
      }
    }
    return Optional.empty();
  }
}
