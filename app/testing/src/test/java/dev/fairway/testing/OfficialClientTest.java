// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.kubernetes.client.openapi.ApiClient;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1ObjectMeta;
import io.kubernetes.client.util.Config;
import java.io.StringReader;
import java.util.Map;
import org.junit.jupiter.api.Test;

@WithApiServer
class OfficialClientTest {
  @Test
  void writesAndReads(TestApiServer server) throws Exception {
    ApiClient client = Config.fromConfig(new StringReader(server.kubeconfig()));
    CoreV1Api core = new CoreV1Api(client);
    core.createNamespacedConfigMap(
            "default",
            new V1ConfigMap()
                .metadata(new V1ObjectMeta().name("colours"))
                .data(Map.of("sea", "blue")))
        .execute();

    assertThat(core.readNamespacedConfigMap("colours", "default").execute().getData())
        .containsEntry("sea", "blue");
  }
}
