// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ApiClients;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// How a part that runs alone reaches the API server of its cluster.
final class ApiAccess {
  private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

  private ApiAccess() {}

  /// @param kubeconfig null in a pod, whose service account tells
  static KubernetesClient connect(@Nullable Path kubeconfig, String userAgent) {
    if (kubeconfig != null) {
      return ApiClients.connect(kubeconfig, userAgent);
    }
    String host = System.getenv("KUBERNETES_SERVICE_HOST");
    String port = System.getenv("KUBERNETES_SERVICE_PORT");
    if (host == null || port == null) {
      throw new ProvisionException(
          "this is no pod (KUBERNETES_SERVICE_HOST is not set): --kubeconfig FILE tells how to reach"
              + " the API server");
    }
    String bracketed = host.contains(":") ? "[" + host + "]" : host;
    return ApiClients.inPod("https://" + bracketed + ":" + port, ACCOUNT, userAgent);
  }
}
