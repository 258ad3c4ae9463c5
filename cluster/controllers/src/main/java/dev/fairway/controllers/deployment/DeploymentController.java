// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.deployment;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.Ownership;
import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.List;

/// Applies [DeploymentPlan] whenever a Deployment or one of its ReplicaSets changes.
public final class DeploymentController implements Controller {
  private static final String COMPONENT = "deployment-controller";

  private final Cluster cluster;
  private final DeploymentPlan plan;
  private final WorkQueue<ObjectKey> queue;

  public DeploymentController(Cluster cluster) {
    this.cluster = cluster;
    this.plan = new DeploymentPlan(cluster.client().getKubernetesSerialization());
    this.queue = new WorkQueue<>(name(), 4, this::reconcile);
  }

  @Override
  public String name() {
    return "deployment";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Deployment.class).follow(ReplicaSet.class).follow(Pod.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    delta
        .of(Deployment.class)
        .forEach((key, change) -> {
          if (change.after().isPresent()) {
            queue.add(key);
          }
        });
    for (Change<ReplicaSet> change : delta.of(ReplicaSet.class).values()) {
      change.before().ifPresent(rs -> addOwners(rs, image));
      change.after().ifPresent(rs -> addOwners(rs, image));
    }
    for (Change<Pod> change : delta.of(Pod.class).values()) {
      if (change.after().isEmpty()) {
        addRecreating(change.before().orElseThrow(), image);
      }
    }
  }

  private void addOwners(ReplicaSet replicaSet, ClusterImage image) {
    String namespace = replicaSet.getMetadata().getNamespace();
    var owner = Owners.controllerOf(replicaSet);
    if (owner.isPresent()) {
      if (owner.get().getKind().equals("Deployment")) {
        queue.add(new ObjectKey(namespace, owner.get().getName()));
      }
      return;
    }
    for (Deployment each : image.all(Deployment.class)) {
      if (each.getMetadata().getNamespace().equals(namespace)
          && LabelSelectors.matches(each.getSpec().getSelector(), replicaSet)) {
        queue.add(ObjectKey.of(each));
      }
    }
  }

  /// A `Recreate` rollout goes on when the last old pod is gone, which changes no ReplicaSet.
  private void addRecreating(Pod pod, ClusterImage image) {
    Owners.controllerOf(pod)
        .filter(owner -> owner.getKind().equals("ReplicaSet"))
        .flatMap(owner ->
            image.get(
                ReplicaSet.class, new ObjectKey(pod.getMetadata().getNamespace(), owner.getName())))
        .ifPresent(rs -> addOwners(rs, image));
  }

  private void reconcile(ObjectKey key) {
    Deployment deployment = cluster.get(Deployment.class, key).orElse(null);
    if (deployment == null) {
      return;
    }
    boolean recreates =
        deployment.getSpec().getStrategy() != null
            && "Recreate".equals(deployment.getSpec().getStrategy().getType());
    List<Step> steps =
        plan.plan(
            deployment,
            cluster.list(ReplicaSet.class, key.namespace()),
            recreates ? cluster.list(Pod.class, key.namespace()) : List.of(),
            cluster.now());
    for (Step step : steps) {
      apply(key, deployment, step);
    }
  }

  private void apply(ObjectKey key, Deployment deployment, Step step) {
    switch (step) {
      case Step.Adopt(ReplicaSet rs) -> Ownership.adopt(cluster, rs, deployment);
      case Step.Release(ReplicaSet rs) -> Ownership.release(cluster, rs, deployment);
      case Step.Create(ReplicaSet rs) -> create(deployment, rs);
      case Step.Scale(ReplicaSet rs, int from) -> scale(deployment, rs, from);
      case Step.Annotate(ReplicaSet rs) -> cluster.update(rs);
      case Step.Prune(ReplicaSet rs) -> cluster.delete(rs);
      case Step.SetRevision(Deployment d, String revision) ->
          cluster.patch(
              d,
              "{\"metadata\":{\"annotations\":{\""
                  + Revisions.REVISION
                  + "\":\""
                  + revision
                  + "\"}}}");
      case Step.SetStatus(Deployment d, var status) -> {
        // A patch of the annotation in this round has made the version that was planned with old.
        String version =
            cluster.get(Deployment.class, key).orElse(d).getMetadata().getResourceVersion();
        cluster.updateStatus(
            new DeploymentBuilder(d)
                .editMetadata()
                .withResourceVersion(version)
                .endMetadata()
                .withStatus(status)
                .build());
      }
      case Step.LookAgain(var after) -> queue.addAfter(key, after);
    }
  }

  private void create(Deployment deployment, ReplicaSet replicaSet) {
    try {
      cluster.create(replicaSet);
    } catch (KubernetesClientException e) {
      if (Cluster.isNamespaceTerminating(e)) {
        return;
      }
      if (Cluster.isConflict(e)) {
        countCollision(deployment, replicaSet);
      }
      throw e;
    }
    int size = Rollout.size(replicaSet);
    if (size > 0) {
      scaled(deployment, replicaSet, 0, size);
    }
  }

  /// A name taken by a ReplicaSet of somebody else: the next round computes another hash.
  private void countCollision(Deployment deployment, ReplicaSet replicaSet) {
    ReplicaSet there = cluster.client().resource(replicaSet).get();
    if (there == null
        || (Owners.isControlledBy(there, deployment)
            && Rollout.sameTemplate(
                deployment.getSpec().getTemplate(), there.getSpec().getTemplate()))) {
      return;
    }
    int collisions =
        deployment.getStatus() == null
            ? 0
            : Rollout.number(deployment.getStatus().getCollisionCount(), 0);
    cluster.patchStatus(deployment, "{\"status\":{\"collisionCount\":" + (collisions + 1) + "}}");
  }

  private void scale(Deployment deployment, ReplicaSet replicaSet, int from) {
    cluster.update(replicaSet);
    int size = Rollout.size(replicaSet);
    if (size != from) {
      scaled(deployment, replicaSet, from, size);
    }
  }

  private void scaled(Deployment deployment, ReplicaSet replicaSet, int from, int to) {
    cluster
        .events()
        .normal(
            COMPONENT,
            deployment,
            "ScalingReplicaSet",
            "Scaled "
                + (to > from ? "up" : "down")
                + " replica set "
                + replicaSet.getMetadata().getName()
                + " from "
                + from
                + " to "
                + to);
  }

  @Override
  public void close() {
    queue.close();
  }
}
