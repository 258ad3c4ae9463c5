// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.node;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Removes pods whose node no longer exists: no kubelet will ever confirm their end.
public final class OrphanedPodController implements Controller {
  private static final Logger LOG = LoggerFactory.getLogger(OrphanedPodController.class);

  /// A node that is deleted and registers again within this time keeps its pods.
  private static final Duration QUARANTINE = Duration.ofSeconds(40);

  private final Cluster cluster;
  private final WorkQueue<String> queue;

  public OrphanedPodController(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 1, this::reconcile);
  }

  @Override
  public String name() {
    return "orphanedpod";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Node.class).follow(Pod.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    delta
        .of(Node.class)
        .forEach((key, change) -> {
          if (change.after().isEmpty()) {
            queue.addAfter(key.name(), QUARANTINE);
          }
        });
    if (delta.full()) {
      image.all(Pod.class).stream()
          .filter(Pods::isAssigned)
          .map(pod -> pod.getSpec().getNodeName())
          .distinct()
          .filter(node -> image.get(Node.class, ObjectKey.ofClusterScoped(node)).isEmpty())
          .forEach(node -> queue.addAfter(node, QUARANTINE));
    }
  }

  private void reconcile(String node) {
    if (cluster.get(Node.class, ObjectKey.ofClusterScoped(node)).isPresent()) {
      return;
    }
    for (Pod pod : cluster.list(Pod.class)) {
      if (node.equals(pod.getSpec().getNodeName())) {
        LOG.info("pod {} goes: its node {} no longer exists", ObjectKey.of(pod), node);
        try {
          cluster.client().resource(pod).withGracePeriod(0).withTimeoutInMillis(0).delete();
        } catch (KubernetesClientException e) {
          if (!Cluster.isNotFound(e)) {
            throw e;
          }
        }
      }
    }
  }

  @Override
  public void close() {
    queue.close();
  }
}
