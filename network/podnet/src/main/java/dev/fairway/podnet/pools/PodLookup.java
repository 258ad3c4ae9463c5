// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.podnet.ipam.Allocation.Owner;
import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Selection;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Finds a pod's annotations and its namespace's labels. Followed from when the first pool is
/// there; what has not arrived yet is asked for.
final class PodLookup implements AutoCloseable {
  /// What stands for a pod that a file of its node made has another UID than the pod itself.
  private static final String MIRROR = "kubernetes.io/config.mirror";

  private final KubernetesClient client;
  private final String node;
  private @Nullable ClusterFollower follower;

  PodLookup(KubernetesClient client, String node) {
    this.client = client;
    this.node = node;
  }

  synchronized void follow() {
    if (follower == null) {
      follower =
          ClusterFollower.of(client)
              .follow(Pod.class, Selection.ofField("spec.nodeName", node))
              .follow(Namespace.class)
              .start();
    }
  }

  private synchronized Optional<ClusterImage> image() {
    return Optional.ofNullable(follower).map(ClusterFollower::image);
  }

  /// What the pod of an owner says; nothing if it is unknown or gone.
  ///
  /// @param namespaces whether its namespace's labels matter
  PodWish wish(Owner owner, boolean namespaces) throws NoAddress {
    int slash = owner.pod().indexOf('/');
    if (slash < 0) {
      return PodWish.of(Map.of(), Map.of());
    }
    String namespace = owner.pod().substring(0, slash);
    String name = owner.pod().substring(slash + 1);
    Map<String, String> annotations = annotations(namespace, name, owner.podUid());
    return PodWish.of(annotations, namespaces ? labels(namespace) : Map.of());
  }

  private Map<String, String> annotations(String namespace, String name, String uid)
      throws NoAddress {
    Optional<Pod> pod =
        image()
            .flatMap(image -> image.get(Pod.class, new ObjectKey(namespace, name)))
            .filter(known -> isOf(known, uid));
    if (pod.isEmpty()) {
      pod =
          ApiCall.ask(
              "look at pod " + namespace + "/" + name,
              () -> Optional.ofNullable(client.pods().inNamespace(namespace).withName(name).get()));
    }
    return pod.filter(known -> isOf(known, uid)).map(PodLookup::annotations).orElse(Map.of());
  }

  private static boolean isOf(Pod pod, String uid) {
    return uid.isEmpty()
        || uid.equals(pod.getMetadata().getUid())
        || annotations(pod).containsKey(MIRROR);
  }

  private Map<String, String> labels(String name) throws NoAddress {
    Optional<Namespace> namespace =
        image().flatMap(image -> image.get(Namespace.class, new ObjectKey("", name)));
    if (namespace.isEmpty()) {
      namespace =
          ApiCall.ask(
              "look at namespace " + name,
              () -> Optional.ofNullable(client.namespaces().withName(name).get()));
    }
    return namespace
        .map(known -> known.getMetadata().getLabels())
        .map(Map::copyOf)
        .orElse(Map.of());
  }

  private static Map<String, String> annotations(HasMetadata object) {
    Map<String, String> annotations = object.getMetadata().getAnnotations();
    return annotations == null ? Map.of() : annotations;
  }

  @Override
  public synchronized void close() {
    if (follower != null) {
      follower.close();
    }
  }
}
