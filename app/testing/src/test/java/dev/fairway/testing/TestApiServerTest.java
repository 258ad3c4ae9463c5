// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TestApiServerTest {
  private static final String KEYS = "fairway-test-keys";

  @Test
  void severalAtOnceKnowNothingOfOneAnother() {
    List<TestApiServer> servers = new ArrayList<>();
    try {
      for (int i = 0; i < 3; i++) {
        TestApiServer server = TestApiServer.start();
        servers.add(server);
        server.client().resource(configMap("number-" + i)).create();
      }
      for (int i = 0; i < 3; i++) {
        assertThat(servers.get(i).client().configMaps().inNamespace("default").list().getItems())
            .extracting(each -> each.getMetadata().getName())
            .containsExactly("number-" + i);
      }
      assertThat(servers).extracting(TestApiServer::url).doesNotHaveDuplicates();
      assertThatThrownBy(() -> otherToken(servers.get(0), servers.get(1)))
          .hasMessageContaining("Unauthorized");
    } finally {
      servers.forEach(TestApiServer::close);
    }
  }

  private static void otherToken(TestApiServer one, TestApiServer other) {
    Config config = Config.fromKubeconfig(one.kubeconfig().replace(one.token(), other.token()));
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(config).build()) {
      client.namespaces().list();
    }
  }

  @Test
  void afterItsEndNothingIsThere() throws IOException {
    List<Path> before = scratch();
    TestApiServer server = TestApiServer.start();
    URI url = URI.create(server.url());
    assertThat(scratch()).isEqualTo(before);
    server.close();
    server.close();
    assertThatThrownBy(() -> new Socket(url.getHost(), url.getPort()).close())
        .isInstanceOf(IOException.class);
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(thread -> thread.getName().startsWith("store-writer-memory"));
  }

  private static List<Path> scratch() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files.filter(file -> file.getFileName().toString().startsWith(KEYS)).sorted().toList();
    }
  }

  static ConfigMap configMap(String name) {
    return new ConfigMapBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace("default")
        .endMetadata()
        .build();
  }
}
