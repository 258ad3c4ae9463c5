// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Neighbours' passwords, each in the key `password` of a Secret in kube-system. Read each time, as
/// they may be changed.
final class PeerPasswords implements Function<String, Optional<String>> {
  private static final Logger LOG = LoggerFactory.getLogger(PeerPasswords.class);
  private static final String NAMESPACE = "kube-system";
  private static final String KEY = "password";

  private final KubernetesClient client;

  PeerPasswords(KubernetesClient client) {
    this.client = client;
  }

  /// Empty if it is not to be had; the neighbour is left out then, and named.
  @Override
  public Optional<String> apply(String name) {
    try {
      Secret secret = client.secrets().inNamespace(NAMESPACE).withName(name).get();
      if (secret == null || secret.getData() == null || secret.getData().get(KEY) == null) {
        return Optional.empty();
      }
      byte[] password = Base64.getDecoder().decode(secret.getData().get(KEY));
      return Optional.of(new String(password, StandardCharsets.UTF_8));
    } catch (KubernetesClientException | IllegalArgumentException e) {
      LOG.warn("Secret {}/{}, key {}: {}", NAMESPACE, name, KEY, e.getMessage());
      return Optional.empty();
    }
  }
}
