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
import io.fabric8.kubernetes.api.model.EndpointSubset;
import io.fabric8.kubernetes.api.model.Endpoints;
import io.fabric8.kubernetes.api.model.EndpointsBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Keeps the Endpoints object of each Service that selects pods; it has the Service's name.
public final class EndpointsController implements Controller {
  private final Cluster cluster;
  private final WorkQueue<ObjectKey> queue;

  public EndpointsController(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 4, this::reconcile);
  }

  @Override
  public String name() {
    return "endpoints";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Service.class).follow(Pod.class).follow(Endpoints.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    ServicePods.wake(delta, image, queue::add);
    delta.of(Endpoints.class).keySet().forEach(queue::add);
  }

  private void reconcile(ObjectKey key) {
    Service service = cluster.get(Service.class, key).orElse(null);
    Endpoints present = cluster.get(Endpoints.class, key).orElse(null);
    if (service == null) {
      if (present != null && isOurs(present) && !Owners.isBeingDeleted(present)) {
        cluster.delete(present);
      }
      return;
    }
    if (!ServicePods.isSelecting(service) || Owners.isBeingDeleted(service)) {
      return;
    }
    List<Pod> pods =
        cluster.list(Pod.class, key.namespace()).stream()
            .filter(pod -> ServicePods.selects(service, pod))
            .toList();
    write(service, present, EndpointsPlan.of(service, pods));
  }

  private static boolean isOurs(Endpoints endpoints) {
    return EndpointsPlan.MANAGER.equals(
        LabelSelectors.labels(endpoints).get(EndpointsPlan.MANAGED_BY));
  }

  private void write(Service service, @Nullable Endpoints present, EndpointsPlan.Wanted wanted) {
    Map<String, String> labels = ServicePods.labels(service);
    labels.put(EndpointsPlan.MANAGED_BY, EndpointsPlan.MANAGER);
    Map<String, String> annotations =
        new HashMap<>(present == null ? Map.of() : LabelSelectors.annotations(present));
    annotations.remove(EndpointsPlan.OVER_CAPACITY);
    if (wanted.truncated()) {
      annotations.put(EndpointsPlan.OVER_CAPACITY, "truncated");
    }
    if (present == null) {
      create(service, labels, annotations, wanted.subsets());
      return;
    }
    if (Objects.requireNonNullElse(present.getSubsets(), List.of()).equals(wanted.subsets())
        && LabelSelectors.labels(present).equals(labels)
        && LabelSelectors.annotations(present).equals(annotations)) {
      return;
    }
    cluster.update(
        new EndpointsBuilder(present)
            .editMetadata()
            .withLabels(labels)
            .withAnnotations(annotations)
            .endMetadata()
            .withSubsets(wanted.subsets())
            .build());
  }

  private void create(
      Service service,
      Map<String, String> labels,
      Map<String, String> annotations,
      List<EndpointSubset> subsets) {
    cluster.createUnlessEnding(
        new EndpointsBuilder()
            .withNewMetadata()
            .withNamespace(service.getMetadata().getNamespace())
            .withName(service.getMetadata().getName())
            .withLabels(labels)
            .withAnnotations(annotations)
            .endMetadata()
            .withSubsets(subsets)
            .build());
  }

  @Override
  public void close() {
    queue.close();
  }
}
