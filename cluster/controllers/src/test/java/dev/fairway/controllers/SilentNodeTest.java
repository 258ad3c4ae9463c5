// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import static dev.fairway.controllers.TestCluster.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.objects.Pods;
import dev.fairway.controllers.objects.Taints;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SilentNodeTest {
  @Test
  void aSilentNodeLosesItsPodsAndComesBack(@TempDir Path directory) throws Exception {
    try (TestCluster cluster = new TestCluster(directory, 1, Duration.ofSeconds(3))) {
      KubernetesClient client = cluster.client();
      String created =
          cluster.kubectlWith(
              """
              apiVersion: v1
              kind: Pod
              metadata: {name: stays}
              spec:
                tolerations: [{operator: Exists}]
                containers: [{name: c, image: 'good:1'}]
              ---
              apiVersion: v1
              kind: Pod
              metadata: {name: leaves}
              spec:
                tolerations:
                - {key: node.kubernetes.io/unreachable, operator: Exists, tolerationSeconds: 1}
                containers: [{name: c, image: 'good:1'}]
              """,
              "apply",
              "-f",
              "-");
      assertThat(created).contains("pod/stays created", "pod/leaves created");
      await("the node is unknown", () -> "Unknown".equals(ready(client)));
      await(
          "it is marked",
          () ->
              Taints.of(node(client)).stream()
                  .anyMatch(t ->
                      t.getKey().equals(Taints.UNREACHABLE)
                          && t.getEffect().equals(Taints.NO_EXECUTE)));
      await(
          "the one that does not tolerate it is gone",
          () -> client.pods().inNamespace("default").withName("leaves").get() == null);
      await(
          "the other is not ready",
          () -> !Pods.isReady(client.pods().inNamespace("default").withName("stays").get()));

      client
          .leases()
          .inNamespace("kube-node-lease")
          .withName("worker-0")
          .edit(lease ->
              lease
                  .edit()
                  .editSpec()
                  .withRenewTime(ZonedDateTime.now(ZoneOffset.UTC))
                  .endSpec()
                  .build());
      cluster.node(0).ready("True");
      await(
          "the node is welcome again",
          () -> "True".equals(ready(client)) && Taints.of(node(client)).isEmpty());
      assertThat(node(client).getSpec().getPodCIDRs())
          .containsExactly("10.200.0.0/24", "fd00:10:200::/64");
    }
  }

  private static Node node(KubernetesClient client) {
    return client.nodes().withName("worker-0").get();
  }

  private static String ready(KubernetesClient client) {
    return Taints.condition(node(client), "Ready").map(c -> c.getStatus()).orElse("");
  }
}
