// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import static dev.fairway.controllers.deployment.Rollout.available;
import static dev.fairway.controllers.deployment.Rollout.size;

import dev.fairway.controllers.objects.LabelSelectors;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How many pods each ReplicaSet of a rollout should have next. The rules are those the
/// documentation of Deployments promises: never more than `replicas + maxSurge` pods, never fewer
/// than `replicas - maxUnavailable` available ones.
final class Sizes {
  private final Rollout rollout;

  Sizes(Rollout rollout) {
    this.rollout = rollout;
  }

  /// The size a ReplicaSet of the present template starts with or grows to now.
  int ofCurrent() {
    int present = rollout.current().map(Rollout::size).orElse(0);
    if (!rollout.isRolling() || present >= rollout.wanted()) {
      return rollout.wanted();
    }
    int pods = total(rollout.all());
    int room = rollout.wanted() + rollout.maxSurge() - pods;
    return room <= 0 ? present : present + Math.min(room, rollout.wanted() - present);
  }

  /// New sizes of the old ReplicaSets while the present one grows; only those that change.
  Map<ReplicaSet, Integer> ofOldWhileRolling() {
    Map<ReplicaSet, Integer> sizes = new LinkedHashMap<>();
    int oldPods = total(rollout.old());
    if (oldPods == 0) {
      return sizes;
    }
    int minAvailable = rollout.wanted() - rollout.maxUnavailable();
    int currentUnavailable =
        rollout.current().map(rs -> Math.max(0, size(rs) - available(rs))).orElse(0);
    int mayGo = total(rollout.all()) - minAvailable - currentUnavailable;
    if (mayGo <= 0) {
      return sizes;
    }
    int gone = dropUnhealthy(sizes, mayGo);
    dropHealthy(sizes, Math.min(mayGo - gone, availablePods() - minAvailable));
    return sizes;
  }

  /// Pods that are not available anyway go first: nobody misses them.
  private int dropUnhealthy(Map<ReplicaSet, Integer> sizes, int mayGo) {
    int gone = 0;
    for (ReplicaSet each : rollout.old()) {
      int drop = Math.min(mayGo - gone, size(each) - available(each));
      if (drop > 0) {
        sizes.put(each, size(each) - drop);
        gone += drop;
      }
    }
    return gone;
  }

  private void dropHealthy(Map<ReplicaSet, Integer> sizes, int mayGo) {
    int left = mayGo;
    for (ReplicaSet each : rollout.old()) {
      int present = sizes.getOrDefault(each, size(each));
      int drop = Math.min(left, present);
      if (drop > 0) {
        sizes.put(each, present - drop);
        left -= drop;
      }
    }
  }

  private int availablePods() {
    int pods = 0;
    for (ReplicaSet each : rollout.all()) {
      pods += available(each);
    }
    return pods;
  }

  /// New sizes after the Deployment itself was scaled in the middle of a rollout: the change is
  /// spread over the ReplicaSets in proportion to their sizes.
  Map<ReplicaSet, Integer> inProportion() {
    Map<ReplicaSet, Integer> sizes = new LinkedHashMap<>();
    List<ReplicaSet> active = active(rollout.all());
    if (active.size() <= 1) {
      ReplicaSet only =
          active.isEmpty() ? rollout.current().orElse(newest(rollout.old())) : active.get(0);
      if (only != null) {
        sizes.put(only, rollout.wanted());
      }
      return sizes;
    }
    if (isSaturated()) {
      active(rollout.old()).forEach(each -> sizes.put(each, 0));
      return sizes;
    }
    if (!rollout.isRolling()) {
      return sizes;
    }
    int allowed = rollout.wanted() > 0 ? rollout.wanted() + rollout.maxSurge() : 0;
    int toAdd = allowed - total(active);
    List<ReplicaSet> largestFirst = new ArrayList<>(active);
    Comparator<ReplicaSet> byAge = toAdd > 0 ? Rollout.BY_AGE.reversed() : Rollout.BY_AGE;
    largestFirst.sort(Comparator.comparingInt(Rollout::size).reversed().thenComparing(byAge));
    int added = 0;
    for (ReplicaSet each : largestFirst) {
      int share = toAdd == 0 ? 0 : share(each, toAdd, toAdd - added);
      sizes.put(each, size(each) + share);
      added += share;
    }
    int rest = toAdd - added;
    sizes.merge(largestFirst.get(0), rest, (size, more) -> Math.max(0, size + more));
    return sizes;
  }

  private int share(ReplicaSet replicaSet, int toAdd, int left) {
    int fraction;
    if (rollout.wanted() == 0) {
      fraction = -size(replicaSet);
    } else {
      int replicas =
          rollout.deployment().getStatus() == null
              ? 0
              : Rollout.number(rollout.deployment().getStatus().getReplicas(), 0);
      long noted =
          Revisions.number(LabelSelectors.annotations(replicaSet), Revisions.MAX, replicas);
      double scaled =
          (double) size(replicaSet) * (rollout.wanted() + rollout.maxSurge()) / Math.max(1, noted);
      fraction = (int) Math.round(scaled) - size(replicaSet);
    }
    return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
  }

  /// Whether the present ReplicaSet already has everything the Deployment wanted before.
  private boolean isSaturated() {
    if (rollout.current().isEmpty()) {
      return false;
    }
    ReplicaSet current = rollout.current().get();
    long noted = Revisions.number(LabelSelectors.annotations(current), Revisions.DESIRED, -1);
    return size(current) == rollout.wanted()
        && noted == rollout.wanted()
        && available(current) == rollout.wanted();
  }

  private static ReplicaSet newest(List<ReplicaSet> byAge) {
    return byAge.isEmpty() ? null : byAge.get(byAge.size() - 1);
  }

  static List<ReplicaSet> active(List<ReplicaSet> replicaSets) {
    return replicaSets.stream().filter(each -> size(each) > 0).toList();
  }

  static int total(List<ReplicaSet> replicaSets) {
    int total = 0;
    for (ReplicaSet each : replicaSets) {
      total += size(each);
    }
    return total;
  }
}
