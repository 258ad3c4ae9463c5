// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.api.NodeApi;
import dev.fairway.kubelet.api.NodePods;
import dev.fairway.kubelet.cri.Cri;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.Selection;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// The front door: runs the pods bound to one node and reports the node itself.
///
/// Closing it leaves the pods running; the next start finds them.
public final class Kubelet implements AutoCloseable {
  private final KubeletConfig config;
  private final Cri cri;
  private final EventRecorder events;
  private final StatusReporter statuses;
  private final Pods pods;
  private final LogRotation logs;
  private final NodeApi api;
  private final NodeReporter node;
  private final AtomicReference<@Nullable ClusterImage> image = new AtomicReference<>();

  private Kubelet(KubeletConfig config, KubernetesClient client) throws IOException {
    this.config = config;
    Files.createDirectories(config.podsDirectory());
    Files.createDirectories(config.logsDirectory());
    Machine machine = Machine.read();
    this.cri = new Cri(config.runtimeSocket());
    this.events = new EventRecorder(client, config.nodeName());
    this.statuses = new StatusReporter(client);
    ApiObjects objects = new ApiObjects(client, this::latest);
    Volumes volumes = new Volumes(config, objects, new MemoryVolumes());
    this.pods =
        new Pods(
            new NodeContext(
                config, machine, cri, volumes, objects, new Actions(cri), events::record, statuses),
            objects::login);
    this.logs = new LogRotation(config, cri, pods, LogRotation.MAX_BYTES);
    this.api = listen(config, new PodLookup(pods, config, client.getKubernetesSerialization()));
    this.node = new NodeReporter(config, machine, cri, client, api.port());
  }

  /// Starts to serve, and asks `follow` for the pods and Services it needs; the caller starts the
  /// follower afterwards.
  ///
  /// @throws IOException if the state directory or the port cannot be had
  public static Kubelet start(
      KubeletConfig config, KubernetesClient client, ClusterFollower.Builder follow)
      throws IOException {
    Kubelet kubelet = new Kubelet(config, client);
    follow.follow(Pod.class, Selection.ofField("spec.nodeName", config.nodeName()));
    follow.follow(Service.class);
    follow.subscribe("kubelet", kubelet::changed);
    kubelet.node.start();
    kubelet.pods.start();
    kubelet.logs.start();
    return kubelet;
  }

  @Override
  public void close() {
    node.close();
    api.close();
    logs.close();
    pods.close();
    events.close();
    statuses.close();
    cri.close();
  }

  /// The port of the node's HTTPS API.
  public int apiPort() {
    return api.port();
  }

  private NodeApi listen(KubeletConfig config, NodePods lookup) throws IOException {
    KubeletConfig.Tls tls = config.tls();
    try {
      return NodeApi.start(
          tls.certificate(), tls.key(), tls.clientAuthority(), config.port(), lookup, cri);
    } catch (IOException e) {
      events.close();
      statuses.close();
      cri.close();
      throw e;
    }
  }

  private void changed(Delta delta, ClusterImage now) {
    image.set(now);
    if (!delta.full() && !delta.touches(Pod.class)) {
      return;
    }
    List<Pod> mine =
        now.all(Pod.class).stream()
            .filter(pod -> config.nodeName().equals(pod.getSpec().getNodeName()))
            .toList();
    pods.set(mine);
  }

  private ClusterImage latest() {
    ClusterImage now = image.get();
    if (now == null) {
      throw new IllegalStateException("the cluster is not known yet");
    }
    return now;
  }
}
