// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Creates and deletes many pods for an owner, several at a time, and tells Events about each.
public final class PodWriter {
  private static final int FIRST_BATCH = 4;
  private static final int AT_ONCE = 16;

  private final Cluster cluster;
  private final String component;

  /// @param component whom Events name as their source, such as `replicaset-controller`
  public PodWriter(Cluster cluster, String component) {
    this.cluster = cluster;
    this.component = component;
  }

  /// Creates pods in batches that double from four, so that a template the server refuses costs
  /// four requests, not hundreds.
  ///
  /// @throws KubernetesClientException the first refusal; pods created before it stay
  public void create(HasMetadata owner, List<Pod> pods) {
    int batch = FIRST_BATCH;
    for (int from = 0; from < pods.size(); ) {
      int to = Math.min(pods.size(), from + batch);
      together(pods.subList(from, to).stream().map(pod -> work(() -> create(owner, pod))).toList());
      from = to;
      batch = Math.min(batch * 2, AT_ONCE);
    }
  }

  private void create(HasMetadata owner, Pod pod) {
    try {
      Pod created = cluster.create(pod);
      cluster
          .events()
          .normal(
              component,
              owner,
              "SuccessfulCreate",
              "Created pod: " + created.getMetadata().getName());
    } catch (KubernetesClientException e) {
      if (!Cluster.isNamespaceTerminating(e)) {
        cluster
            .events()
            .warning(component, owner, "FailedCreate", "Error creating: " + e.getMessage());
      }
      throw e;
    }
  }

  /// Deletes pods; one that is gone already is fine.
  public void delete(HasMetadata owner, List<Pod> pods) {
    for (int from = 0; from < pods.size(); from += AT_ONCE) {
      int to = Math.min(pods.size(), from + AT_ONCE);
      together(pods.subList(from, to).stream().map(pod -> work(() -> delete(owner, pod))).toList());
    }
  }

  private void delete(HasMetadata owner, Pod pod) {
    try {
      cluster.delete(pod);
      cluster
          .events()
          .normal(
              component, owner, "SuccessfulDelete", "Deleted pod: " + pod.getMetadata().getName());
    } catch (KubernetesClientException e) {
      if (!Cluster.isNotFound(e)) {
        cluster
            .events()
            .warning(component, owner, "FailedDelete", "Error deleting: " + e.getMessage());
        throw e;
      }
    }
  }

  private static Runnable work(Runnable runnable) {
    return runnable;
  }

  private static void together(List<Runnable> works) {
    if (works.size() == 1) {
      works.get(0).run();
      return;
    }
    KubernetesClientException failure = null;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      works.forEach(each -> running.add(threads.submit(each)));
      for (Future<?> each : running) {
        try {
          each.get();
        } catch (ExecutionException e) {
          if (!(e.getCause() instanceof KubernetesClientException refused)) {
            throw new IllegalStateException(e.getCause());
          }
          failure = refused;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while writing pods", e);
    }
    if (failure != null) {
      throw failure;
    }
  }
}
