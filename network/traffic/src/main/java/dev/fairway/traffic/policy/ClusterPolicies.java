// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.Selection;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionVersion;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows ClusterNetworkPolicy objects and nodes, while the cluster has such a kind.
///
/// Whether it does is followed, too, by one watch of one object, which is all that the absent kind
/// costs. Until the first answer the datapath loads nothing, as what is not known yet may deny.
public final class ClusterPolicies implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterPolicies.class);
  private static final ObjectKey DEFINITION =
      new ObjectKey("", ClusterNetworkPolicy.PLURAL + "." + ClusterNetworkPolicy.GROUP);
  private static final String RESOURCE = "cluster-network-policies.yaml";
  private static final Duration ASK_AGAIN = Duration.ofMillis(500);
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private final KubernetesClient client;
  private final PolicyDatapath datapath;

  // Guarded by this.
  private @Nullable ClusterFollower kind;
  private @Nullable ClusterFollower objects;
  private boolean closed;

  private ClusterPolicies(KubernetesClient client, PolicyDatapath datapath) {
    this.client = client;
    this.datapath = datapath;
  }

  /// Begins to follow; to be called before the datapath follows anything else.
  public static ClusterPolicies follow(KubernetesClient client, PolicyDatapath datapath) {
    ClusterPolicies policies = new ClusterPolicies(client, datapath);
    datapath.awaitCluster();
    Thread.ofVirtual().name("cluster-policy-kind").start(policies::findOut);
    return policies;
  }

  /// The kind, as YAML for `kubectl apply -f -`.
  public static String yaml() {
    try (InputStream in = ClusterPolicies.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException("resource " + RESOURCE + " is missing");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// All of a cluster's policies of the kind; none if it does not have it.
  static List<ClusterNetworkPolicy> list(KubernetesClient client) {
    try {
      return client.resources(ClusterNetworkPolicy.class).list().getItems();
    } catch (KubernetesClientException e) {
      if (e.getCode() == NOT_FOUND) {
        return List.of();
      }
      throw e;
    }
  }

  private void findOut() {
    try {
      while (!mayFollowKind()) {
        Thread.sleep(ASK_AGAIN);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// @return whether there is an answer
  private boolean mayFollowKind() {
    try {
      client
          .resources(CustomResourceDefinition.class)
          .withField("metadata.name", DEFINITION.name())
          .list();
    } catch (KubernetesClientException e) {
      if (isClosed()) {
        return true;
      }
      if (e.getCode() != FORBIDDEN && e.getCode() != NOT_FOUND) {
        LOG.debug("Whether there are cluster policies is not known: {}", e.getMessage());
        return false;
      }
      if (e.getCode() == FORBIDDEN) {
        LOG.info(
            "ClusterNetworkPolicy objects are not looked for: this agent has no right to list and"
                + " watch customresourcedefinitions");
      }
      datapath.setCluster(List.of(), List.of());
      return true;
    }
    followKind();
    return true;
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  private synchronized void followKind() {
    if (!closed) {
      kind =
          ClusterFollower.of(client)
              .follow(
                  CustomResourceDefinition.class,
                  Selection.ofField("metadata.name", DEFINITION.name()))
              .subscribe("cluster-policy-kind", (delta, image) -> kindChanged(image))
              .start();
    }
  }

  private synchronized void kindChanged(ClusterImage image) {
    boolean served =
        image.get(CustomResourceDefinition.class, DEFINITION).filter(this::isServed).isPresent();
    if (closed || (served && objects != null)) {
      return;
    }
    if (served) {
      objects =
          ClusterFollower.of(client)
              .follow(ClusterNetworkPolicy.class)
              .follow(Node.class)
              .subscribe("cluster-policy", datapath::clusterChanged)
              .start();
      return;
    }
    if (objects != null) {
      objects.close();
      objects = null;
      LOG.info("ClusterNetworkPolicy is gone, and with it all policies of the kind");
    }
    datapath.setCluster(List.of(), List.of());
  }

  private boolean isServed(CustomResourceDefinition definition) {
    boolean established =
        Optional.ofNullable(definition.getStatus()).stream()
            .flatMap(status -> status.getConditions().stream())
            .anyMatch(one -> "Established".equals(one.getType()) && "True".equals(one.getStatus()));
    if (!established) {
      return false;
    }
    List<CustomResourceDefinitionVersion> versions = definition.getSpec().getVersions();
    boolean known =
        versions.stream()
            .anyMatch(version ->
                ClusterNetworkPolicy.VERSION.equals(version.getName())
                    && Boolean.TRUE.equals(version.getServed()));
    if (!known) {
      LOG.warn(
          "CustomResourceDefinition {}: spec.versions: {} is not served; its policies are not used",
          DEFINITION.name(),
          ClusterNetworkPolicy.VERSION);
    }
    return known;
  }

  /// Stops following; what was told last stays.
  @Override
  public synchronized void close() {
    closed = true;
    if (kind != null) {
      kind.close();
    }
    if (objects != null) {
      objects.close();
    }
  }
}
