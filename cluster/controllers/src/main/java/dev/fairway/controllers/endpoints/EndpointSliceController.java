// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Applies [SlicePlan] whenever a Service, its pods or its slices change.
public final class EndpointSliceController implements Controller {
  private final Cluster cluster;
  private final WorkQueue<ObjectKey> queue;
  private final TriggerTimes triggers = new TriggerTimes();

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
    ServiceSlices.wake(delta, SlicePlan.MANAGER, queue::add);
    boolean zones = false;
    boolean capacities = false;
    for (Change<Node> change : delta.of(Node.class).values()) {
      zones |=
          !change.before().map(TopologyHints::zone).equals(change.after().map(TopologyHints::zone));
      capacities |=
          !change
              .before()
              .map(TopologyHints::capacity)
              .equals(change.after().map(TopologyHints::capacity));
    }
    // Most writes to a node change neither.
    if (zones || capacities) {
      for (Service service : image.all(Service.class)) {
        if (ServicePods.isSelecting(service) && (zones || TopologyHints.isAuto(service))) {
          queue.add(ObjectKey.of(service));
        }
      }
    }
  }

  private void reconcile(ObjectKey key) {
    Service service = cluster.get(Service.class, key).orElse(null);
    List<EndpointSlice> present = ServiceSlices.slices(cluster, key, SlicePlan.MANAGER);
    if (service == null) {
      triggers.forget(key);
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
    Map<String, Node> nodes = new HashMap<>();
    cluster.list(Node.class).forEach(node -> nodes.put(node.getMetadata().getName(), node));
    ServiceSlices.take(
        cluster, SlicePlan.steps(service, pods, nodes, present, triggers.next(service, pods)));
  }

  @Override
  public void close() {
    queue.close();
  }
}
