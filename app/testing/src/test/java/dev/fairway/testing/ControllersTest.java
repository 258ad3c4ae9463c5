// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.testing.TestApiServer.Parts;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ControllersTest {
  @RegisterExtension static final ApiServerExtension API = ApiServerExtension.of(Parts.CONTROLLERS);

  @Test
  void aDeploymentGetsItsPods() {
    KubernetesClient client = API.server().client();
    client
        .resource(
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, namespace: default}
            spec:
              replicas: 2
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec: {containers: [{name: web, image: example.test/web}]}
            """)
        .create();
    client
        .pods()
        .inNamespace("default")
        .withLabel("app", "web")
        .informOnCondition(pods -> pods.size() == 2)
        .orTimeout(30, TimeUnit.SECONDS)
        .join();
    List<Pod> pods = client.pods().inNamespace("default").withLabel("app", "web").list().getItems();
    assertThat(pods)
        .allSatisfy(pod -> assertThat(pod.getSpec().getServiceAccountName()).isEqualTo("default"));
  }
}
