// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.daemonset;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.Dependents;
import dev.fairway.controllers.loop.PodWriter;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.TemplateHash;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.apps.DaemonSetBuilder;
import java.time.Duration;
import java.util.Objects;

/// Applies [DaemonSetPlan] whenever a DaemonSet, one of its pods or the set of nodes changes.
public final class DaemonSetController implements Controller {
  private static final Dependents<DaemonSet, Pod> PODS =
      new Dependents<>(DaemonSet.class, "DaemonSet", Pod.class, set -> null);

  private final Cluster cluster;
  private final PodWriter pods;
  private final WorkQueue<ObjectKey> queue;

  public DaemonSetController(Cluster cluster) {
    this.cluster = cluster;
    this.pods = new PodWriter(cluster, "daemonset-controller");
    this.queue = new WorkQueue<>(name(), 2, this::reconcile);
  }

  @Override
  public String name() {
    return "daemonset";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(DaemonSet.class).follow(Pod.class).follow(Node.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    PODS.wake(delta, image, queue::add);
    if (delta.of(Node.class).values().stream().anyMatch(DaemonSetController::matters)) {
      image.map(DaemonSet.class).keySet().forEach(queue::add);
    }
  }

  private static boolean matters(Change<Node> change) {
    if (change.before().isEmpty() || change.after().isEmpty()) {
      return true;
    }
    Node a = change.before().get();
    Node b = change.after().get();
    return !Objects.equals(a.getSpec(), b.getSpec())
        || !Objects.equals(a.getMetadata().getLabels(), b.getMetadata().getLabels());
  }

  private void reconcile(ObjectKey key) {
    DaemonSet set = cluster.get(DaemonSet.class, key).orElse(null);
    if (set == null || Owners.isBeingDeleted(set)) {
      return;
    }
    String hash =
        TemplateHash.of(
            set.getSpec().getTemplate(), 0, cluster.client().getKubernetesSerialization());
    DaemonSetPlan plan =
        DaemonSetPlan.of(
            set,
            cluster.list(Pod.class, key.namespace()),
            cluster.list(Node.class),
            hash,
            cluster.now());
    pods.delete(set, plan.delete());
    pods.create(set, plan.create());
    if (!plan.status().equals(set.getStatus())) {
      cluster.updateStatus(new DaemonSetBuilder(set).withStatus(plan.status()).build());
    }
    Integer minReady = set.getSpec().getMinReadySeconds();
    if (minReady != null && minReady > 0 && plan.status().getNumberUnavailable() != null) {
      queue.addAfter(key, Duration.ofSeconds(minReady));
    }
  }

  @Override
  public void close() {
    queue.close();
  }
}
