// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@WithApiServer
class Fabric8Test {
  @Test
  void writesAndReads(KubernetesClient client) {
    ConfigMap colours =
        new ConfigMapBuilder()
            .withNewMetadata()
            .withName("colours")
            .withNamespace("default")
            .endMetadata()
            .addToData("sea", "blue")
            .build();
    client.resource(colours).serverSideApply();

    assertThat(client.configMaps().inNamespace("default").withName("colours").get().getData())
        .containsEntry("sea", "blue");
  }

  @Nested
  class Within {
    @Test
    void theServerIsTheSame(TestApiServer server, KubernetesClient client) {
      assertThat(client.getMasterUrl()).hasToString(server.url() + "/");
    }
  }
}
