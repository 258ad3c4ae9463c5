// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.namespace;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.ServedKinds;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Deletes everything in a namespace with a deletion timestamp, waits until it is gone, and removes
/// the finalizer `kubernetes`.
public final class NamespaceController implements Controller {
  private static final String FINALIZER = "kubernetes";
  private static final Duration FIRST_WAIT = Duration.ofMillis(100);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

  private final Cluster cluster;
  private final WorkQueue<ObjectKey> queue;
  private final Map<ObjectKey, Duration> waits = new ConcurrentHashMap<>();

  public NamespaceController(Cluster cluster) {
    this.cluster = cluster;
    this.queue = new WorkQueue<>(name(), 4, this::reconcile);
  }

  @Override
  public String name() {
    return "namespace";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Namespace.class).follow(Pod.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    for (Map.Entry<ObjectKey, Change<Namespace>> each : delta.of(Namespace.class).entrySet()) {
      if (each.getValue().after().filter(Owners::isBeingDeleted).isPresent()) {
        queue.add(each.getKey());
      }
    }
    // The last pod's end is what a dying namespace usually waits for.
    for (Map.Entry<ObjectKey, Change<Pod>> each : delta.of(Pod.class).entrySet()) {
      if (each.getValue().after().isEmpty()) {
        ObjectKey namespace = ObjectKey.ofClusterScoped(each.getKey().namespace());
        if (image.get(Namespace.class, namespace).filter(Owners::isBeingDeleted).isPresent()) {
          queue.add(namespace);
        }
      }
    }
  }

  private void reconcile(ObjectKey key) {
    Namespace namespace = cluster.get(Namespace.class, key).orElse(null);
    if (namespace == null
        || !Owners.isBeingDeleted(namespace)
        || namespace.getSpec() == null
        || !namespace.getSpec().getFinalizers().contains(FINALIZER)) {
      waits.remove(key);
      return;
    }
    if (isEmptied(key.name())) {
      release(namespace);
      waits.remove(key);
    } else {
      Duration wait = waits.getOrDefault(key, FIRST_WAIT);
      Duration longer = wait.multipliedBy(2);
      waits.put(key, longer.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : longer);
      queue.addAfter(key, wait);
    }
  }

  /// Pods come first, and nothing else before they are gone: while one runs, what its network
  /// policies forbid stays forbidden (KEP-5080, CVE-2024-7598).
  private boolean isEmptied(String namespace) {
    List<ServedKinds.Served> kinds =
        ServedKinds.of(cluster.client()).stream().filter(ServedKinds.Served::namespaced).toList();
    boolean empty = true;
    for (ServedKinds.Served kind : kinds) {
      if (isPods(kind)) {
        empty &= isEmptied(kind, namespace);
      }
    }
    if (!empty) {
      return false;
    }
    for (ServedKinds.Served kind : kinds) {
      empty &= isEmptied(kind, namespace);
    }
    return empty;
  }

  private static boolean isPods(ServedKinds.Served kind) {
    return kind.context().getPlural().equals("pods")
        && (kind.context().getGroup() == null || kind.context().getGroup().isEmpty());
  }

  /// Deletes what is left of a kind; answers whether nothing was.
  private boolean isEmptied(ServedKinds.Served kind, String namespace) {
    var objects =
        cluster.client().genericKubernetesResources(kind.context()).inNamespace(namespace);
    GenericKubernetesResourceList left;
    try {
      left = objects.list();
    } catch (KubernetesClientException e) {
      if (Cluster.isNotFound(e)) {
        return true;
      }
      throw e;
    }
    for (GenericKubernetesResource each : left.getItems()) {
      if (!Owners.isBeingDeleted(each)) {
        objects.withName(each.getMetadata().getName()).withTimeoutInMillis(0).delete();
      }
    }
    return left.getItems().isEmpty();
  }

  private void release(Namespace namespace) {
    List<String> finalizers = new ArrayList<>(namespace.getSpec().getFinalizers());
    finalizers.remove(FINALIZER);
    Namespace released =
        new NamespaceBuilder(namespace).editSpec().withFinalizers(finalizers).endSpec().build();
    try {
      cluster
          .client()
          .raw(
              "/api/v1/namespaces/" + namespace.getMetadata().getName() + "/finalize",
              "PUT",
              released);
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
