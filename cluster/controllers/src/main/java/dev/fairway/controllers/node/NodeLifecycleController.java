// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.Taints;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.SteadyTime;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/// Watches over nodes: marks silent ones, keeps the taints that follow from conditions, and moves
/// pods off nodes they do not tolerate any more.
///
/// A node is silent when its lease has not changed for the grace time, measured in this process, so
/// that a node with a wrong clock is not mistaken for a dead one, and neither are all of them when
/// this machine's clock is set. How long a taint has been there counts the same way.
public final class NodeLifecycleController implements Controller {
  private static final String COMPONENT = "node-controller";
  private static final String LEASES = "kube-node-lease";

  private final Cluster cluster;
  private final Duration grace;
  private final WorkQueue<ObjectKey> queue;
  private final Map<String, Instant> heard = new ConcurrentHashMap<>(); // by SteadyTime
  private final TaintTimes added = new TaintTimes();

  /// @param grace how long a lease may stay unrenewed
  public NodeLifecycleController(Cluster cluster, Duration grace) {
    this.cluster = cluster;
    this.grace = grace;
    this.queue = new WorkQueue<>(name(), 2, this::reconcile);
  }

  @Override
  public String name() {
    return "node";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Node.class).follow(Lease.class).follow(Pod.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    for (Map.Entry<ObjectKey, Change<Lease>> each : delta.of(Lease.class).entrySet()) {
      if (each.getKey().namespace().equals(LEASES) && each.getValue().after().isPresent()) {
        heard.put(each.getKey().name(), SteadyTime.now());
      }
    }
    delta.of(Node.class).forEach((key, change) -> nodeChanged(key, change));
    for (Change<Pod> change : delta.of(Pod.class).values()) {
      change
          .after()
          .filter(Pods::isAssigned)
          .map(pod -> ObjectKey.ofClusterScoped(pod.getSpec().getNodeName()))
          .filter(
              key -> image.get(Node.class, key).filter(NodeLifecycleController::evicts).isPresent())
          .ifPresent(queue::add);
    }
  }

  private void nodeChanged(ObjectKey key, Change<Node> change) {
    if (change.after().isEmpty()) {
      heard.remove(key.name());
      added.forget(key.name());
      cluster
          .events()
          .normal(
              COMPONENT,
              change.before().orElseThrow(),
              "RemovingNode",
              "Node " + key.name() + " event: Removing Node " + key.name() + " from Controller");
      return;
    }
    if (change.before().isEmpty()) {
      heard.putIfAbsent(key.name(), SteadyTime.now());
      cluster
          .events()
          .normal(
              COMPONENT,
              change.after().get(),
              "RegisteredNode",
              "Node " + key.name() + " event: Registered Node " + key.name() + " in Controller");
    }
    queue.add(key);
  }

  private static boolean evicts(Node node) {
    return Taints.of(node).stream().anyMatch(t -> Taints.NO_EXECUTE.equals(t.getEffect()));
  }

  private void reconcile(ObjectKey key) {
    Node node = cluster.get(Node.class, key).orElse(null);
    if (node == null) {
      return;
    }
    Instant now = cluster.now();
    Instant steady = SteadyTime.now();
    Instant expires = heard.computeIfAbsent(key.name(), name -> steady).plus(grace);
    boolean silent = !steady.isBefore(expires);
    if (silent) {
      node = markSilent(node, now);
    } else {
      lookAgain(key, expires, steady);
    }
    List<Taint> taints = NodeHealth.taints(node, now);
    if (!taints.equals(Taints.of(node))) {
      node =
          cluster.update(
              new NodeBuilder(node).editOrNewSpec().withTaints(taints).endSpec().build());
    }
    pods(key, node, silent, steady);
  }

  private Node markSilent(Node node, Instant now) {
    List<NodeCondition> conditions = NodeHealth.whenSilent(node, now);
    if (node.getStatus() != null && conditions.equals(node.getStatus().getConditions())) {
      return node;
    }
    cluster
        .events()
        .normal(
            COMPONENT,
            node,
            "NodeNotReady",
            "Node " + node.getMetadata().getName() + " status is now: NodeNotReady");
    return cluster.updateStatus(
        new NodeBuilder(node).editOrNewStatus().withConditions(conditions).endStatus().build());
  }

  private void pods(ObjectKey key, Node node, boolean silent, Instant now) {
    List<Taint> taints = added.steady(key.name(), Taints.of(node));
    boolean evicts = evicts(node);
    if (!evicts && !silent) {
      return;
    }
    for (Pod pod : cluster.list(Pod.class)) {
      if (!key.name().equals(pod.getSpec().getNodeName()) || Pods.isTerminal(pod)) {
        continue;
      }
      if (silent && Pods.isReady(pod)) {
        markNotReady(pod);
      }
      if (evicts && !Owners.isBeingDeleted(pod)) {
        Optional<Instant> leaves = NodeHealth.leavesAt(pod, taints, now);
        if (leaves.isPresent() && !now.isBefore(leaves.get())) {
          evict(pod);
        } else {
          leaves.ifPresent(at -> lookAgain(key, at, now));
        }
      }
    }
  }

  /// Services must stop sending to a node nobody hears of.
  private void markNotReady(Pod pod) {
    List<PodCondition> conditions =
        pod.getStatus().getConditions().stream()
            .map(each ->
                each.getType().equals("Ready")
                    ? new PodConditionBuilder(each)
                        .withStatus("False")
                        .withReason("NodeNotReady")
                        .withLastTransitionTime(cluster.timestamp())
                        .build()
                    : each)
            .toList();
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("conditions", conditions);
    ignoringAbsence(() ->
        cluster.patchStatus(
            pod, cluster.client().getKubernetesSerialization().asJson(Map.of("status", status))));
    cluster.events().warning(COMPONENT, pod, "NodeNotReady", "Node is not ready");
  }

  private void evict(Pod pod) {
    ignoringAbsence(() -> cluster.delete(pod));
    cluster
        .events()
        .normal(
            "taint-eviction-controller",
            pod,
            "TaintManagerEviction",
            "Marking for deletion Pod " + ObjectKey.of(pod));
  }

  private static void ignoringAbsence(Runnable write) {
    try {
      write.run();
    } catch (KubernetesClientException e) {
      if (!Cluster.isNotFound(e)) {
        throw e;
      }
    }
  }

  /// Sees to it that a node is looked at by `at`. The queue keeps the earliest such plan only, so
  /// it has to be told each time: a retry may have taken the place of what was planned before.
  private void lookAgain(ObjectKey key, Instant at, Instant now) {
    queue.addAfter(key, Duration.between(now, at).plusMillis(10));
  }

  @Override
  public void close() {
    queue.close();
  }
}
