// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.v1.AuthConfig;
import dev.fairway.reconcile.ClusterImage;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.authentication.TokenRequest;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/// Asks the API server for the objects pods refer to, when they are needed: a node may not follow
/// all Secrets of a cluster.
final class ApiObjects implements ClusterObjects {
  private final KubernetesClient client;
  private final Supplier<ClusterImage> image;

  ApiObjects(KubernetesClient client, Supplier<ClusterImage> image) {
    this.client = client;
    this.image = image;
  }

  @Override
  public Optional<ConfigMap> configMap(String namespace, String name) {
    return Optional.ofNullable(client.configMaps().inNamespace(namespace).withName(name).get());
  }

  @Override
  public Optional<Secret> secret(String namespace, String name) {
    return Optional.ofNullable(client.secrets().inNamespace(namespace).withName(name).get());
  }

  @Override
  public Collection<Service> services() {
    return image.get().all(Service.class);
  }

  @Override
  public Token token(PodRef pod, String serviceAccount, List<String> audiences, Duration lifetime) {
    TokenRequest request =
        new TokenRequestBuilder()
            .withNewSpec()
            .withAudiences(audiences)
            .withExpirationSeconds(lifetime.toSeconds())
            .withNewBoundObjectRef("v1", "Pod", pod.name(), pod.uid())
            .endSpec()
            .build();
    TokenRequest answer =
        client
            .serviceAccounts()
            .inNamespace(pod.namespace())
            .withName(serviceAccount)
            .tokenRequest(request);
    return new Token(
        answer.getStatus().getToken(), Instant.parse(answer.getStatus().getExpirationTimestamp()));
  }

  /// Credentials for a pod's images from its imagePullSecrets: the first that names a registry.
  /// Which registry an image is from is the runtime's business, so one login a pod is what this
  /// node can do.
  Optional<AuthConfig> login(Pod pod) {
    if (pod.getSpec().getImagePullSecrets() == null) {
      return Optional.empty();
    }
    for (var reference : pod.getSpec().getImagePullSecrets()) {
      Optional<AuthConfig> found =
          secret(pod.getMetadata().getNamespace(), reference.getName())
              .map(Secret::getData)
              .map(data -> data.get(".dockerconfigjson"))
              .flatMap(this::firstLogin);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private Optional<AuthConfig> firstLogin(String base64) {
    String json = new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    Map<?, ?> config = client.getKubernetesSerialization().unmarshal(json, Map.class);
    if (!(config.get("auths") instanceof Map<?, ?> auths)) {
      return Optional.empty();
    }
    for (var entry : auths.entrySet()) {
      if (entry.getValue() instanceof Map<?, ?> login) {
        return Optional.of(
            AuthConfig.newBuilder()
                .setServerAddress(String.valueOf(entry.getKey()))
                .setUsername(text(login, "username"))
                .setPassword(text(login, "password"))
                .setAuth(text(login, "auth"))
                .setIdentityToken(text(login, "identitytoken"))
                .build());
      }
    }
    return Optional.empty();
  }

  private static String text(Map<?, ?> map, String key) {
    Object value = map.get(key);
    return value == null ? "" : value.toString();
  }
}
