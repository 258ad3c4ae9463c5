// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.replicaset;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.Dependents;
import dev.fairway.controllers.loop.Ownership;
import dev.fairway.controllers.loop.PodWriter;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetStatus;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/// Applies [ReplicaSetPlan] whenever a ReplicaSet or one of its pods changes.
public final class ReplicaSetController implements Controller {
  private static final Dependents<ReplicaSet, Pod> PODS =
      new Dependents<>(ReplicaSet.class, "ReplicaSet", Pod.class, rs -> rs.getSpec().getSelector());

  /// A pod that is deleted before the watch shows it is believed in for a while; look after that.
  private static final Duration AFTER_CREATION = Duration.ofSeconds(6);

  private final Cluster cluster;
  private final PodWriter pods;
  private final WorkQueue<ObjectKey> queue;

  public ReplicaSetController(Cluster cluster) {
    this.cluster = cluster;
    this.pods = new PodWriter(cluster, "replicaset-controller");
    this.queue = new WorkQueue<>(name(), 8, this::reconcile);
  }

  @Override
  public String name() {
    return "replicaset";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(ReplicaSet.class).follow(Pod.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    PODS.wake(delta, image, queue::add);
  }

  private void reconcile(ObjectKey key) {
    ReplicaSet replicaSet = cluster.get(ReplicaSet.class, key).orElse(null);
    if (replicaSet == null) {
      return;
    }
    List<Step> steps =
        ReplicaSetPlan.steps(replicaSet, cluster.list(Pod.class, key.namespace()), cluster.now());
    KubernetesClientException failure = null;
    Optional<ReplicaSetPlan.Failure> told = Optional.empty();
    for (Step step : steps) {
      try {
        apply(key, replicaSet, step);
      } catch (KubernetesClientException e) {
        if (Cluster.isNamespaceTerminating(e)) {
          return;
        }
        if (!(step instanceof Step.CreatePods) && !(step instanceof Step.DeletePods)) {
          throw e;
        }
        String reason = step instanceof Step.CreatePods ? "FailedCreate" : "FailedDelete";
        told = Optional.of(new ReplicaSetPlan.Failure(reason, String.valueOf(e.getMessage())));
        failure = e;
      }
    }
    status(key, told);
    if (failure != null) {
      throw failure;
    }
  }

  private void apply(ObjectKey key, ReplicaSet replicaSet, Step step) {
    switch (step) {
      case Step.Adopt(Pod pod) -> Ownership.adopt(cluster, pod, replicaSet);
      case Step.Release(Pod pod) -> Ownership.release(cluster, pod, replicaSet);
      case Step.CreatePods(int count) -> {
        Pod pod = Pods.fromTemplate(replicaSet.getSpec().getTemplate(), replicaSet);
        pods.create(replicaSet, Collections.nCopies(count, pod));
        queue.addAfter(key, AFTER_CREATION);
      }
      case Step.DeletePods(List<Pod> surplus) -> pods.delete(replicaSet, surplus);
      case Step.LookAgain(Duration after) -> queue.addAfter(key, after);
    }
  }

  private void status(ObjectKey key, Optional<ReplicaSetPlan.Failure> failure) {
    ReplicaSet present = cluster.get(ReplicaSet.class, key).orElse(null);
    if (present == null) {
      return;
    }
    ReplicaSetStatus next =
        ReplicaSetPlan.status(
            present, cluster.list(Pod.class, key.namespace()), failure, cluster.now());
    if (ReplicaSetPlan.sameStatus(present.getStatus(), next)) {
      return;
    }
    try {
      cluster.updateStatus(new ReplicaSetBuilder(present).withStatus(next).build());
    } catch (KubernetesClientException e) {
      if (!Cluster.isNotFound(e)) {
        throw e;
      }
    }
  }

  @Override
  public void close() {
    queue.close();
  }
}
