// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.LabelSelectors;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.List;
import java.util.Map;

/// Applies [SlicePlan] whenever a Service, its pods or its slices change.
public final class EndpointSliceController implements Controller {
  private final Cluster cluster;
  private final WorkQueue<ObjectKey> queue;

  public EndpointSliceController(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 4, this::reconcile);
  }

  @Override
  public String name() {
    return "endpointslice";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Service.class).follow(Pod.class).follow(Node.class).follow(EndpointSlice.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    ServicePods.wake(delta, image, queue::add);
    delta
        .of(EndpointSlice.class)
        .values()
        .forEach(change -> {
          EndpointSlice slice = change.after().or(change::before).orElseThrow();
          Map<String, String> labels = LabelSelectors.labels(slice);
          if (SlicePlan.MANAGER.equals(labels.get(SlicePlan.MANAGED_BY))
              && labels.containsKey(SlicePlan.SERVICE_NAME)) {
            queue.add(
                new ObjectKey(
                    slice.getMetadata().getNamespace(), labels.get(SlicePlan.SERVICE_NAME)));
          }
        });
  }

  private void reconcile(ObjectKey key) {
    Service service = cluster.get(Service.class, key).orElse(null);
    List<EndpointSlice> present =
        cluster.list(EndpointSlice.class, key.namespace()).stream()
            .filter(slice -> isOf(slice, key.name()))
            .toList();
    if (service == null) {
      present.stream().filter(each -> !Owners.isBeingDeleted(each)).forEach(cluster::delete);
      return;
    }
    if (!ServicePods.isSelecting(service) || Owners.isBeingDeleted(service)) {
      return;
    }
    List<Pod> pods =
        cluster.list(Pod.class, key.namespace()).stream()
            .filter(pod -> ServicePods.selects(service, pod))
            .toList();
    for (SlicePlan.Step step :
        SlicePlan.steps(
            service,
            pods,
            node -> cluster.get(Node.class, ObjectKey.ofClusterScoped(node)),
            present)) {
      switch (step) {
        case SlicePlan.Step.Create(EndpointSlice slice) -> cluster.createUnlessEnding(slice);
        case SlicePlan.Step.Update(EndpointSlice slice) -> cluster.update(slice);
        case SlicePlan.Step.Delete(EndpointSlice slice) -> cluster.delete(slice);
      }
    }
  }

  private static boolean isOf(EndpointSlice slice, String service) {
    Map<String, String> labels = LabelSelectors.labels(slice);
    return service.equals(labels.get(SlicePlan.SERVICE_NAME))
        && SlicePlan.MANAGER.equals(labels.get(SlicePlan.MANAGED_BY));
  }

  @Override
  public void close() {
    queue.close();
  }
}
