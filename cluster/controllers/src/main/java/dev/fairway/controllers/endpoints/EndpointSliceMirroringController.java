// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Endpoints;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.List;

/// Applies [MirrorPlan] to Endpoints of Services without a selector, which only slices lead to.
public final class EndpointSliceMirroringController implements Controller {
  private final Cluster cluster;
  private final WorkQueue<ObjectKey> queue;

  public EndpointSliceMirroringController(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 2, this::reconcile);
  }

  @Override
  public String name() {
    return "endpointslicemirroring";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Service.class).follow(Endpoints.class).follow(EndpointSlice.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    delta
        .of(Endpoints.class)
        .forEach((key, change) -> {
          // Those of Services with selectors, which change most, are not for this controller.
          if (image.get(Service.class, key).filter(ServicePods::isSelecting).isEmpty()) {
            queue.add(key);
          }
        });
    delta.of(Service.class).keySet().forEach(queue::add);
    ServiceSlices.wake(delta, MirrorPlan.MANAGER, queue::add);
  }

  private void reconcile(ObjectKey key) {
    Service service = cluster.get(Service.class, key).orElse(null);
    Endpoints endpoints = cluster.get(Endpoints.class, key).orElse(null);
    List<EndpointSlice> present = ServiceSlices.slices(cluster, key, MirrorPlan.MANAGER);
    if (service == null || endpoints == null || !MirrorPlan.isMirrored(service, endpoints)) {
      present.stream().filter(each -> !Owners.isBeingDeleted(each)).forEach(cluster::delete);
      return;
    }
    ServiceSlices.take(cluster, MirrorPlan.steps(endpoints, present));
  }

  @Override
  public void close() {
    queue.close();
  }
}
