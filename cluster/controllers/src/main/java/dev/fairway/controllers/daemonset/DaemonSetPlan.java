// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.daemonset;

import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.NodeSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.Portions;
import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirement;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TolerationBuilder;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.apps.DaemonSetStatus;
import io.fabric8.kubernetes.api.model.apps.DaemonSetStatusBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// What to do next for one DaemonSet. Pure.
///
/// @param create the pods to create
/// @param delete the pods to delete
/// @param status the status that follows from what is there now
record DaemonSetPlan(List<Pod> create, List<Pod> delete, DaemonSetStatus status) {
  static final String HASH = "controller-revision-hash";

  /// @param pods all pods of the namespace
  /// @param hash names the present template
  static DaemonSetPlan of(
      DaemonSet set, Collection<Pod> pods, Collection<Node> nodes, String hash, Instant now) {
    Map<String, List<Pod>> byNode = new HashMap<>();
    for (Pod pod : pods) {
      if (Owners.isControlledBy(pod, set)) {
        byNode.computeIfAbsent(node(pod), n -> new ArrayList<>()).add(pod);
      }
    }
    List<Pod> create = new ArrayList<>();
    List<Pod> delete = new ArrayList<>();
    Counts counts = new Counts(minReady(set), hash, now);
    List<Pod> outdated = new ArrayList<>();
    for (Node node : nodes) {
      List<Pod> present = byNode.getOrDefault(node.getMetadata().getName(), List.of());
      present.stream()
          .filter(pod -> Pods.isTerminal(pod) && !Owners.isBeingDeleted(pod))
          .forEach(delete::add);
      List<Pod> active = present.stream().filter(Pods::isActive).toList();
      boolean wanted = runsOn(set, node);
      counts.node(wanted, active);
      if (!wanted) {
        delete.addAll(active);
      } else if (active.isEmpty()) {
        // A pod that is still ending keeps its node until it is gone.
        if (present.stream().noneMatch(Owners::isBeingDeleted)) {
          create.add(pod(set, node, hash));
        }
      } else {
        delete.addAll(active.subList(1, active.size()));
        if (!hash.equals(LabelSelectors.labels(active.get(0)).get(HASH))) {
          outdated.add(active.get(0));
        }
      }
    }
    delete.addAll(replaced(set, outdated, counts));
    return new DaemonSetPlan(create, delete, counts.status(set));
  }

  private static List<Pod> replaced(DaemonSet set, List<Pod> outdated, Counts counts) {
    var strategy = set.getSpec().getUpdateStrategy();
    if (strategy != null && "OnDelete".equals(strategy.getType())) {
      return List.of();
    }
    IntOrString most =
        strategy == null || strategy.getRollingUpdate() == null
            ? null
            : strategy.getRollingUpdate().getMaxUnavailable();
    int left = Math.max(1, Portions.roundedUp(most, counts.desired, "1"));
    left -= counts.desired - counts.available;
    List<Pod> replaced = new ArrayList<>();
    for (Pod pod : outdated) {
      if (!Pods.isReady(pod)) {
        replaced.add(pod);
      } else if (left > 0) {
        replaced.add(pod);
        left--;
      }
    }
    return replaced;
  }

  private static Duration minReady(DaemonSet set) {
    Integer seconds = set.getSpec().getMinReadySeconds();
    return Duration.ofSeconds(seconds == null ? 0 : seconds);
  }

  /// The node a pod is on, or is meant for while it waits for the scheduler.
  private static String node(Pod pod) {
    if (Pods.isAssigned(pod)) {
      return pod.getSpec().getNodeName();
    }
    return Optional.ofNullable(pod.getSpec().getAffinity())
        .map(a -> a.getNodeAffinity())
        .map(a -> a.getRequiredDuringSchedulingIgnoredDuringExecution())
        .flatMap(s -> s.getNodeSelectorTerms().stream().findFirst())
        .flatMap(t -> t.getMatchFields().stream().findFirst())
        .map(f -> f.getValues().get(0))
        .orElse("");
  }

  private static boolean runsOn(DaemonSet set, Node node) {
    PodSpec spec = set.getSpec().getTemplate().getSpec();
    if (spec.getNodeName() != null && !spec.getNodeName().equals(node.getMetadata().getName())) {
      return false;
    }
    List<Toleration> tolerations = tolerations(spec);
    for (Taint taint : Taints.of(node)) {
      if (!Taints.PREFER_NO_SCHEDULE.equals(taint.getEffect())
          && !Taints.tolerates(tolerations, taint)) {
        // A node that is only unready for a moment keeps its pod: the taint manager decides.
        boolean passing =
            taint.getKey().equals(Taints.NOT_READY) || taint.getKey().equals(Taints.UNREACHABLE);
        if (!passing) {
          return false;
        }
      }
    }
    return NodeSelectors.matches(spec, node);
  }

  /// The template's tolerations and those every daemon has.
  private static List<Toleration> tolerations(PodSpec spec) {
    List<Toleration> all =
        new ArrayList<>(Objects.requireNonNullElse(spec.getTolerations(), List.of()));
    all.add(toleration(Taints.NOT_READY, Taints.NO_EXECUTE));
    all.add(toleration(Taints.UNREACHABLE, Taints.NO_EXECUTE));
    all.add(toleration("node.kubernetes.io/disk-pressure", Taints.NO_SCHEDULE));
    all.add(toleration("node.kubernetes.io/memory-pressure", Taints.NO_SCHEDULE));
    all.add(toleration("node.kubernetes.io/pid-pressure", Taints.NO_SCHEDULE));
    all.add(toleration(Taints.UNSCHEDULABLE, Taints.NO_SCHEDULE));
    if (Boolean.TRUE.equals(spec.getHostNetwork())) {
      all.add(toleration("node.kubernetes.io/network-unavailable", Taints.NO_SCHEDULE));
    }
    return all;
  }

  private static Toleration toleration(String key, String effect) {
    return new TolerationBuilder().withKey(key).withOperator("Exists").withEffect(effect).build();
  }

  private static Pod pod(DaemonSet set, Node node, String hash) {
    NodeSelectorRequirement byName =
        new NodeSelectorRequirement("metadata.name", "In", List.of(node.getMetadata().getName()));
    Pod pod = Pods.fromTemplate(set.getSpec().getTemplate(), set);
    return new PodBuilder(pod)
        .editMetadata()
        .addToLabels(HASH, hash)
        .endMetadata()
        .editSpec()
        .withTolerations(tolerations(pod.getSpec()))
        .editOrNewAffinity()
        .editOrNewNodeAffinity()
        .withNewRequiredDuringSchedulingIgnoredDuringExecution()
        .addNewNodeSelectorTerm()
        .addToMatchFields(byName)
        .endNodeSelectorTerm()
        .endRequiredDuringSchedulingIgnoredDuringExecution()
        .endNodeAffinity()
        .endAffinity()
        .endSpec()
        .build();
  }

  /// Counts nodes while the plan goes over them.
  private static final class Counts {
    private final Duration minReady;
    private final String hash;
    private final Instant now;
    private int desired;
    private int current;
    private int misscheduled;
    private int ready;
    private int available;
    private int updated;

    Counts(Duration minReady, String hash, Instant now) {
      this.minReady = minReady;
      this.hash = hash;
      this.now = now;
    }

    void node(boolean wanted, List<Pod> active) {
      if (!wanted) {
        misscheduled += active.isEmpty() ? 0 : 1;
        return;
      }
      desired++;
      if (!active.isEmpty()) {
        Pod pod = active.get(0);
        current++;
        ready += Pods.isReady(pod) ? 1 : 0;
        available += Pods.isAvailable(pod, minReady, now) ? 1 : 0;
        updated += hash.equals(LabelSelectors.labels(pod).get(HASH)) ? 1 : 0;
      }
    }

    DaemonSetStatus status(DaemonSet set) {
      return new DaemonSetStatusBuilder()
          .withDesiredNumberScheduled(desired)
          .withCurrentNumberScheduled(current)
          .withNumberMisscheduled(misscheduled)
          .withNumberReady(ready)
          .withNumberAvailable(available == 0 ? null : Integer.valueOf(available))
          .withNumberUnavailable(desired == available ? null : Integer.valueOf(desired - available))
          .withUpdatedNumberScheduled(updated == 0 ? null : Integer.valueOf(updated))
          .withObservedGeneration(set.getMetadata().getGeneration())
          .build();
    }
  }
}
