// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/// A node over a real runtime, with the cluster's objects held in memory.
final class TestNode implements AutoCloseable, ClusterObjects, NodeContext.StatusSink {
  final Cri cri;
  final Pods pods;
  final KubeletConfig config;
  final List<EventRecorder.Happening> events = new CopyOnWriteArrayList<>();
  final Map<String, PodStatus> statuses = new ConcurrentHashMap<>();
  final Map<String, PodStatus> gone = new ConcurrentHashMap<>();
  final Map<String, ConfigMap> configMaps = new ConcurrentHashMap<>();
  final Map<String, Secret> secrets = new ConcurrentHashMap<>();

  TestNode(Containerd containerd) {
    this.config = containerd.kubeletConfig();
    this.cri = new Cri(containerd.socket);
    Volumes volumes = new Volumes(config, this, new MemoryVolumes());
    this.pods =
        new Pods(
            new NodeContext(
                config, Machine.read(), cri, volumes, this, new Actions(cri), events::add, this),
            _ -> Optional.empty());
    pods.start();
  }

  void run(Pod... wanted) {
    pods.set(List.of(wanted));
  }

  PodStatus await(Pod pod, String what, java.util.function.Predicate<PodStatus> condition)
      throws InterruptedException {
    String name = pod.getMetadata().getName();
    try {
      Await.until(
          name + " " + what,
          () -> statuses.get(name) != null && condition.test(statuses.get(name)));
    } catch (AssertionError e) {
      throw new AssertionError(
          e.getMessage() + "\n" + Serialization.asYaml(statuses.get(name)) + "\n" + events, e);
    }
    return statuses.get(name);
  }

  boolean happened(String reason) {
    return events.stream().anyMatch(event -> event.reason().equals(reason));
  }

  @Override
  public void report(PodRef pod, PodStatus status) {
    statuses.put(pod.name(), status);
  }

  @Override
  public void gone(PodRef pod, PodStatus last) {
    gone.put(pod.name(), last);
  }

  @Override
  public Optional<ConfigMap> configMap(String namespace, String name) {
    return Optional.ofNullable(configMaps.get(name));
  }

  @Override
  public Optional<Secret> secret(String namespace, String name) {
    return Optional.ofNullable(secrets.get(name));
  }

  @Override
  public Collection<Service> services() {
    return List.of();
  }

  @Override
  public Token token(PodRef pod, String account, List<String> audiences, Duration lifetime) {
    return new Token("token-of-" + account, Instant.now().plus(lifetime));
  }

  @Override
  public void close() {
    pods.close();
    cri.close();
  }
}
