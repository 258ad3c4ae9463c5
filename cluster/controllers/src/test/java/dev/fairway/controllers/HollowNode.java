// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import dev.fairway.controllers.objects.Owners;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.Selection;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Instant;

/// A node that only says what a kubelet would say: every pod of an image that begins with `good`
/// runs and is ready at once, one that begins with `done` has succeeded at once, any other waits.
final class HollowNode implements AutoCloseable {
  private final KubernetesClient client;
  private final String name;
  private final ClusterFollower follower;
  private int addresses;

  HollowNode(KubernetesClient client, String name) {
    this.client = client;
    this.name = name;
    client
        .resource(
            Objects.read(
                Node.class,
                """
                apiVersion: v1
                kind: Node
                metadata: {name: %s, labels: {kubernetes.io/hostname: %s}}
                """
                    .formatted(name, name)))
        .create();
    ready("True");
    client
        .resource(
            Objects.read(
                Lease.class,
                """
                apiVersion: coordination.k8s.io/v1
                kind: Lease
                metadata: {name: %s, namespace: kube-node-lease}
                spec: {holderIdentity: %s, leaseDurationSeconds: 40}
                """
                    .formatted(name, name)))
        .create();
    follower =
        ClusterFollower.of(client)
            .follow(Pod.class, Selection.ofField("spec.nodeName", name))
            .subscribe(name, this::changed)
            .start();
  }

  void ready(String status) {
    client
        .nodes()
        .withName(name)
        .editStatus(node ->
            node.edit()
                .withStatus(
                    Objects.read(
                            Node.class,
                            """
                            status:
                              allocatable: {cpu: '4', memory: 8Gi, pods: '110'}
                              capacity: {cpu: '4', memory: 8Gi, pods: '110'}
                              conditions:
                              - {type: Ready, status: '%s', reason: Test}
                            """
                                .formatted(status))
                        .getStatus())
                .build());
  }

  private void changed(Delta delta, ClusterImage image) {
    delta.of(Pod.class).values().forEach(change -> change.after().ifPresent(this::run));
  }

  private void run(Pod pod) {
    try {
      if (Owners.isBeingDeleted(pod)) {
        client.resource(pod).withGracePeriod(0).withTimeoutInMillis(0).delete();
      } else if (pod.getStatus().getPodIP() == null) {
        String image = pod.getSpec().getContainers().get(0).getImage();
        if (image.startsWith("good") || image.startsWith("done")) {
          start(pod, image.startsWith("done"));
        }
      }
    } catch (KubernetesClientException e) {
      if (e.getCode() != 404 && e.getCode() != 409) {
        throw e;
      }
    }
  }

  private void start(Pod pod, boolean done) {
    String ip = "10.200." + name.charAt(name.length() - 1) + "." + (2 + addresses++);
    client
        .resource(
            new PodBuilder(pod)
                .editStatus()
                .withPhase(done ? "Succeeded" : "Running")
                .withPodIP(ip)
                .addNewPodIP(ip)
                .addNewCondition()
                .withType("Ready")
                .withStatus(done ? "False" : "True")
                .withLastTransitionTime(Instant.now().toString())
                .endCondition()
                .endStatus()
                .build())
        .updateStatus();
  }

  @Override
  public void close() {
    follower.close();
  }
}
