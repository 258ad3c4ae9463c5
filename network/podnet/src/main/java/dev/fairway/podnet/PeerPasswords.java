// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Neighbours' passwords, each in the key `password` of a Secret in kube-system. They are asked for
/// again and again, as they may be changed, but nobody waits for the answer; and an API server that
/// is away takes no password, and so no neighbour, away.
final class PeerPasswords implements Function<String, Optional<String>> {
  private static final Logger LOG = LoggerFactory.getLogger(PeerPasswords.class);
  private static final String NAMESPACE = "kube-system";
  private static final String KEY = "password";
  private static final long AGAIN_NANOS = Duration.ofSeconds(10).toNanos();

  private final KubernetesClient client;
  private final Runnable changed;
  private final Map<String, Optional<String>> known = new HashMap<>();
  private final Map<String, Long> asked = new HashMap<>();

  /// @param changed told when a password is another than before; must return at once
  PeerPasswords(KubernetesClient client, Runnable changed) {
    this.client = client;
    this.changed = changed;
  }

  /// What is known of it by now; the neighbour is left out, and named, as long as that is nothing.
  @Override
  public synchronized Optional<String> apply(String name) {
    long now = System.nanoTime();
    Long before = asked.get(name);
    if (before == null || now - before > AGAIN_NANOS) {
      asked.put(name, now);
      Thread.ofVirtual().name("peer-password").start(() -> ask(name));
    }
    return known.getOrDefault(name, Optional.empty());
  }

  private void ask(String name) {
    try {
      Secret secret = client.secrets().inNamespace(NAMESPACE).withName(name).get();
      Map<String, String> data = secret == null ? null : secret.getData();
      String encoded = data == null ? null : data.get(KEY);
      if (encoded == null) {
        LOG.warn("There is no Secret {}/{} with a key {}", NAMESPACE, name, KEY);
        learn(name, Optional.empty());
      } else {
        byte[] password = Base64.getDecoder().decode(encoded);
        learn(name, Optional.of(new String(password, StandardCharsets.UTF_8)));
      }
    } catch (KubernetesClientException e) {
      LOG.warn("Secret {}/{}: {}", NAMESPACE, name, e.getMessage());
      if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN) {
        learn(name, Optional.empty());
      }
    } catch (IllegalArgumentException e) {
      LOG.warn("Secret {}/{}, key {}: it is not base64", NAMESPACE, name, KEY);
      learn(name, Optional.empty());
    }
  }

  private void learn(String name, Optional<String> password) {
    Optional<String> before;
    synchronized (this) {
      before = known.put(name, password);
    }
    if (!password.equals(before == null ? Optional.empty() : before)) {
      changed.run();
    }
  }
}
