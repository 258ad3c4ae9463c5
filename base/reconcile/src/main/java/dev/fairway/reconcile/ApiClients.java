// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Files;
import java.nio.file.Path;

/// Connections to an API server.
public final class ApiClients {
  private ApiClients() {}

  /// A client for the current context of a kubeconfig file.
  ///
  /// @param userAgent what the API server's log calls this part
  /// @throws IllegalArgumentException if the file is missing or not a kubeconfig; the message names
  ///   it
  public static KubernetesClient connect(Path kubeconfig, String userAgent) {
    if (!Files.isReadable(kubeconfig)) {
      throw new IllegalArgumentException("kubeconfig " + kubeconfig + " cannot be read");
    }
    Config config = Config.fromKubeconfig(kubeconfig.toFile());
    config.setUserAgent(userAgent);
    return new KubernetesClientBuilder().withConfig(config).build();
  }
}
