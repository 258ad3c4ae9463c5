// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.api.ApiProblem;
import dev.fairway.kubelet.api.NodePods;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodListBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Answers the node's API from the pods' workers.
final class PodLookup implements NodePods {
  private final Pods pods;
  private final KubeletConfig config;
  private final KubernetesSerialization serialization;

  PodLookup(Pods pods, KubeletConfig config, KubernetesSerialization serialization) {
    this.pods = pods;
    this.config = config;
    this.serialization = serialization;
  }

  @Override
  public String listJson() {
    List<Pod> all = pods.all().stream().flatMap(worker -> worker.pod().stream()).toList();
    return serialization.asJson(new PodListBuilder().withItems(all).build());
  }

  @Override
  public String sandbox(String namespace, String pod) throws ApiProblem {
    return worker(namespace, pod)
        .observed()
        .readySandbox()
        .map(ObservedPod.Sandbox::id)
        .orElseThrow(() -> new ApiProblem(400, "pod " + pod + " is not running"));
  }

  @Override
  public String running(String namespace, String pod, String container) throws ApiProblem {
    return worker(namespace, pod)
        .observed()
        .latest(container)
        .filter(ObservedPod.Container::running)
        .map(ObservedPod.Container::id)
        .orElseThrow(() ->
            new ApiProblem(
                404, "container not found (\"" + container + "\") or not running in pod " + pod));
  }

  @Override
  public Log log(String namespace, String pod, String container, boolean previous)
      throws ApiProblem {
    PodWorker worker = worker(namespace, pod);
    List<ObservedPod.Container> runs = worker.observed().runs(container);
    if (previous && runs.size() < 2) {
      throw new ApiProblem(
          400,
          "previous terminated container \"" + container + "\" in pod \"" + pod + "\" not found");
    }
    if (runs.isEmpty()) {
      throw new ApiProblem(
          400,
          "container \""
              + container
              + "\" in pod \""
              + pod
              + "\" is waiting to start: ContainerCreating");
    }
    ObservedPod.Container run = runs.get(previous ? 1 : 0);
    Path file =
        config
            .logsDirectory()
            .resolve(worker.ref().logDirectoryName())
            .resolve(ContainerSpec.logPath(container, run.restarts()));
    return new RunLog(worker, run, file);
  }

  private record RunLog(PodWorker worker, ObservedPod.Container run, Path file) implements Log {
    @Override
    public boolean ended() {
      Optional<ObservedPod.Container> now =
          worker.observed().containers().stream()
              .filter(container -> container.id().equals(run.id()))
              .findFirst();
      return now.isEmpty() || now.get().exited() || worker.done();
    }
  }

  private PodWorker worker(String namespace, String pod) throws ApiProblem {
    return pods.find(namespace, pod)
        .orElseThrow(
            () -> new ApiProblem(404, "pod " + namespace + "/" + pod + " is not on this node"));
  }
}
