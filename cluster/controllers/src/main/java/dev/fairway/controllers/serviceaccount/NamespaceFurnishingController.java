// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.serviceaccount;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Selection;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.Map;

/// Puts both into each namespace, and back if somebody takes them away.
public final class NamespaceFurnishingController implements Controller {
  private static final String ACCOUNT = "default";
  private static final String AUTHORITY = "kube-root-ca.crt";
  private static final String AUTHORITY_KEY = "ca.crt";

  private final Cluster cluster;
  private final String caCertificate;
  private final WorkQueue<String> queue;

  /// @param caCertificate PEM text
  public NamespaceFurnishingController(Cluster cluster, String caCertificate) {
    this.cluster = cluster;
    this.caCertificate = caCertificate;
    this.queue = new WorkQueue<>(name(), 2, this::reconcile);
  }

  @Override
  public String name() {
    return "serviceaccount";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower
        .follow(Namespace.class)
        .follow(ServiceAccount.class)
        .follow(ConfigMap.class, Selection.ofField("metadata.name", AUTHORITY));
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    delta.of(Namespace.class).keySet().forEach(key -> queue.add(key.name()));
    delta.of(ServiceAccount.class).keySet().stream()
        .filter(key -> key.name().equals(ACCOUNT))
        .forEach(key -> queue.add(key.namespace()));
    delta.of(ConfigMap.class).keySet().stream()
        .filter(key -> key.name().equals(AUTHORITY))
        .forEach(key -> queue.add(key.namespace()));
  }

  private void reconcile(String namespace) {
    Namespace present =
        cluster.get(Namespace.class, ObjectKey.ofClusterScoped(namespace)).orElse(null);
    if (present == null || Owners.isBeingDeleted(present)) {
      return;
    }
    account(namespace);
    authority(namespace);
  }

  private void account(String namespace) {
    if (cluster.get(ServiceAccount.class, new ObjectKey(namespace, ACCOUNT)).isEmpty()) {
      create(
          new ServiceAccountBuilder()
              .withNewMetadata()
              .withNamespace(namespace)
              .withName(ACCOUNT)
              .endMetadata()
              .build());
    }
  }

  private void authority(String namespace) {
    Map<String, String> data = Map.of(AUTHORITY_KEY, caCertificate);
    ConfigMap present =
        cluster.get(ConfigMap.class, new ObjectKey(namespace, AUTHORITY)).orElse(null);
    if (present == null) {
      create(
          new ConfigMapBuilder()
              .withNewMetadata()
              .withNamespace(namespace)
              .withName(AUTHORITY)
              .addToAnnotations(
                  "kubernetes.io/description",
                  "Contains a CA bundle that can be used to verify the kube-apiserver when using"
                      + " internal endpoints such as the internal service IP or"
                      + " kubernetes.default.svc.")
              .endMetadata()
              .withData(data)
              .build());
    } else if (!data.equals(present.getData())) {
      cluster.update(new ConfigMapBuilder(present).withData(data).build());
    }
  }

  private void create(HasMetadata object) {
    try {
      cluster.create(object);
    } catch (KubernetesClientException e) {
      if (!Cluster.isNamespaceTerminating(e) && !Cluster.isConflict(e)) {
        throw e;
      }
    }
  }

  @Override
  public void close() {
    queue.close();
  }
}
