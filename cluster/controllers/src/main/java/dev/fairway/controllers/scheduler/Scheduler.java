// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.Taints;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.SteadyTime;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Binds pending pods to nodes, all that wait in one round.
public final class Scheduler implements Controller {
  private static final Logger LOG = LoggerFactory.getLogger(Scheduler.class);
  private static final String NAME = "default-scheduler";
  private static final Duration FIRST_WAIT = Duration.ofSeconds(1);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(10);
  private static final Duration ASSUMED = Duration.ofSeconds(30);
  private static final int BINDINGS_AT_ONCE = 16;

  private enum Round {
    ROUND
  }

  /// A pod no node could take: it is tried again after `until`, once the cluster is another than
  /// `seen`.
  private record Waiting(Duration backoff, Instant until, long seen) {}

  private record Assumed(Pod pod, String node, Instant until) {}

  private final Cluster cluster;
  private final WorkQueue<Round> queue;
  private final AtomicLong helpfulChanges = new AtomicLong();
  private final AtomicBoolean nodesChanged = new AtomicBoolean();
  private final Map<String, Waiting> waiting = new HashMap<>();
  private final Map<String, Assumed> assumed = new ConcurrentHashMap<>();
  private final Semaphore bindings = new Semaphore(BINDINGS_AT_ONCE);

  public Scheduler(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 1, round -> round());
  }

  @Override
  public String name() {
    return "scheduler";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Pod.class).follow(Node.class).follow(Service.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    boolean wake = delta.full();
    boolean helpful = delta.full();
    for (Change<Pod> change : delta.of(Pod.class).values()) {
      wake |= change.after().map(Scheduler::isPending).orElse(false);
      helpful |= freesRoom(change);
    }
    for (Change<Node> change : delta.of(Node.class).values()) {
      if (mattersToPods(change)) {
        nodesChanged.set(true);
        helpful = true;
      }
    }
    if (helpful) {
      helpfulChanges.incrementAndGet();
    }
    if (wake || helpful) {
      queue.add(Round.ROUND);
    }
  }

  private static boolean freesRoom(Change<Pod> change) {
    boolean ran = change.before().filter(Pods::isAssigned).isPresent();
    boolean runs = change.after().filter(pod -> !Pods.isTerminal(pod)).isPresent();
    boolean newlyPlaced = !ran && change.after().filter(Pods::isAssigned).isPresent();
    // A newly placed pod may satisfy another's affinity.
    return (ran && !runs) || newlyPlaced;
  }

  /// Heartbeats change a node's status every few seconds; they help nobody.
  private static boolean mattersToPods(Change<Node> change) {
    if (change.before().isEmpty() || change.after().isEmpty()) {
      return true;
    }
    Node a = change.before().get();
    Node b = change.after().get();
    return !Objects.equals(a.getSpec(), b.getSpec())
        || !Objects.equals(a.getMetadata().getLabels(), b.getMetadata().getLabels())
        || Taints.isReady(a) != Taints.isReady(b)
        || (a.getStatus() == null) != (b.getStatus() == null)
        || (a.getStatus() != null
            && !Objects.equals(a.getStatus().getAllocatable(), b.getStatus().getAllocatable()));
  }

  static boolean isPending(Pod pod) {
    return !Pods.isAssigned(pod)
        && Pods.isActive(pod)
        && (pod.getSpec().getSchedulerName() == null
            || pod.getSpec().getSchedulerName().equals(NAME))
        && (pod.getSpec().getSchedulingGates() == null
            || pod.getSpec().getSchedulingGates().isEmpty());
  }

  private void round() {
    long seen = helpfulChanges.get();
    if (nodesChanged.getAndSet(false)) {
      // Nodes change seldom, and when one becomes ready nobody should sit out an old pause.
      waiting.clear();
    }
    Instant now = SteadyTime.now();
    List<Pod> pods = cluster.list(Pod.class);
    forgetSeen(pods, now);
    List<Pod> pending = new ArrayList<>();
    for (Pod pod : pods) {
      if (isPending(pod) && !assumed.containsKey(uid(pod)) && isDue(pod, seen, now)) {
        pending.add(pod);
      }
    }
    if (pending.isEmpty()) {
      return;
    }
    pending.sort(
        Comparator.comparingInt((Pod pod) -> -priority(pod))
            .thenComparing(Pods::created)
            .thenComparing(pod -> pod.getMetadata().getName()));
    Cells cells = new Cells(cluster.list(Node.class), pods, cluster.list(Service.class));
    assumed.values().forEach(each -> cells.place(each.pod, each.node));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Pod pod : pending) {
        switch (Scheduling.decide(pod, cells)) {
          case Decision.Bind(String node) -> {
            cells.place(pod, node);
            assumed.put(uid(pod), new Assumed(pod, node, now.plus(ASSUMED)));
            threads.execute(() -> bind(pod, node));
          }
          case Decision.Unschedulable(String message) -> {
            Waiting wait = wait(pod, seen, now);
            queue.addAfter(Round.ROUND, wait.backoff);
            threads.execute(() -> tell(pod, message));
          }
        }
      }
    }
  }

  private void forgetSeen(List<Pod> pods, Instant now) {
    Map<String, Pod> byUid = HashMap.newHashMap(pods.size());
    pods.forEach(pod -> byUid.put(uid(pod), pod));
    assumed
        .values()
        .removeIf(each -> {
          Pod pod = byUid.get(uid(each.pod));
          return pod == null || Pods.isAssigned(pod) || now.isAfter(each.until);
        });
    waiting
        .keySet()
        .removeIf(uid -> {
          Pod pod = byUid.get(uid);
          return pod == null || Pods.isAssigned(pod);
        });
  }

  private boolean isDue(Pod pod, long seen, Instant now) {
    Waiting wait = waiting.get(uid(pod));
    return wait == null || (wait.seen < seen && !now.isBefore(wait.until));
  }

  private Waiting wait(Pod pod, long seen, Instant now) {
    Waiting before = waiting.get(uid(pod));
    Duration wait = before == null ? FIRST_WAIT : before.backoff.multipliedBy(2);
    if (wait.compareTo(LONGEST_WAIT) > 0) {
      wait = LONGEST_WAIT;
    }
    Waiting after = new Waiting(wait, now.plus(wait), seen);
    waiting.put(uid(pod), after);
    return after;
  }

  private static int priority(Pod pod) {
    return pod.getSpec().getPriority() == null ? 0 : pod.getSpec().getPriority();
  }

  private static String uid(Pod pod) {
    return pod.getMetadata().getUid();
  }

  private void bind(Pod pod, String node) {
    String namespace = pod.getMetadata().getNamespace();
    String name = pod.getMetadata().getName();
    Map<String, Object> binding =
        Map.of(
            "apiVersion",
            "v1",
            "kind",
            "Binding",
            "metadata",
            Map.of("name", name, "namespace", namespace, "uid", uid(pod)),
            "target",
            Map.of("apiVersion", "v1", "kind", "Node", "name", node));
    bindings.acquireUninterruptibly();
    try {
      cluster
          .client()
          .raw("/api/v1/namespaces/" + namespace + "/pods/" + name + "/binding", "POST", binding);
      cluster
          .events()
          .normal(
              NAME,
              pod,
              "Scheduled",
              "Successfully assigned " + namespace + "/" + name + " to " + node);
    } catch (KubernetesClientException e) {
      assumed.remove(uid(pod));
      if (!Cluster.isNotFound(e) && !Cluster.isConflict(e)) {
        LOG.warn("pod {}/{} could not be bound to {}: {}", namespace, name, node, e.getMessage());
        queue.addAfter(Round.ROUND, FIRST_WAIT);
      }
    } finally {
      bindings.release();
    }
  }

  private void tell(Pod pod, String message) {
    cluster.events().warning(NAME, pod, "FailedScheduling", message);
    PodCondition present = Pods.condition(pod, "PodScheduled").orElse(null);
    if (present != null
        && "False".equals(present.getStatus())
        && message.equals(present.getMessage())) {
      return;
    }
    PodCondition condition =
        new PodConditionBuilder()
            .withType("PodScheduled")
            .withStatus("False")
            .withReason("Unschedulable")
            .withMessage(message)
            .withLastTransitionTime(
                (present != null && "False".equals(present.getStatus()))
                    ? present.getLastTransitionTime()
                    : cluster.timestamp())
            .build();
    List<PodCondition> conditions = new ArrayList<>();
    if (pod.getStatus() != null && pod.getStatus().getConditions() != null) {
      conditions.addAll(pod.getStatus().getConditions());
    }
    conditions.removeIf(each -> each.getType().equals("PodScheduled"));
    conditions.add(condition);
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("conditions", conditions);
    try {
      cluster.patchStatus(
          pod, cluster.client().getKubernetesSerialization().asJson(Map.of("status", status)));
    } catch (KubernetesClientException e) {
      LOG.debug("pod {}: {}", pod.getMetadata().getName(), e.getMessage());
    }
  }

  @Override
  public void close() {
    queue.close();
  }
}
