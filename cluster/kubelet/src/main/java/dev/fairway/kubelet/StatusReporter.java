// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Sends pod statuses to the API server, the newest of each pod, until it took them.
final class StatusReporter implements NodeContext.StatusSink, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StatusReporter.class);
  private static final int WRITERS = 8;
  private static final int NOT_FOUND = 404;
  private static final int CONFLICT = 409;

  private final KubernetesClient client;
  private final Map<PodRef, Pending> pending = new ConcurrentHashMap<>();
  private final WorkQueue<PodRef> queue = new WorkQueue<>("pod-status", WRITERS, this::send);

  private record Pending(PodStatus status, boolean delete) {}

  StatusReporter(KubernetesClient client) {
    this.client = client;
  }

  @Override
  public void report(PodRef pod, PodStatus status) {
    pending.put(pod, new Pending(status, false));
    queue.add(pod);
  }

  @Override
  public void gone(PodRef pod, PodStatus last) {
    pending.put(pod, new Pending(last, true));
    queue.add(pod);
  }

  @Override
  public void close() {
    queue.close();
  }

  private void send(PodRef ref) {
    Pending next = pending.get(ref);
    if (next == null) {
      return;
    }
    PodResource pod = client.pods().inNamespace(ref.namespace()).withName(ref.name());
    try {
      // The uid keeps a status from landing on a newer pod of the same name.
      String patch =
          "{\"metadata\":{\"uid\":\""
              + ref.uid()
              + "\"},\"status\":"
              + client.getKubernetesSerialization().asJson(next.status())
              + "}";
      pod.subresource("status").patch(PatchContext.of(PatchType.JSON_MERGE), patch);
      if (next.delete()) {
        delete(pod, ref);
      }
    } catch (KubernetesClientException e) {
      boolean replaced = e.getCode() == CONFLICT && !same(pod.get(), ref);
      if (e.getCode() != NOT_FOUND && !replaced) {
        throw e;
      }
      LOG.debug("pod {} went: {}", ref, e.getMessage());
    }
    pending.remove(ref, next);
  }

  private static void delete(PodResource pod, PodRef ref) {
    if (same(pod.get(), ref)) {
      pod.withGracePeriod(0).withPropagationPolicy(DeletionPropagation.BACKGROUND).delete();
    }
  }

  private static boolean same(@Nullable Pod pod, PodRef ref) {
    return pod != null && ref.equals(PodRef.of(pod));
  }
}
