// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;

/// Connections to an API server.
public final class ApiClients {
  private static final byte[] EC_PUBLIC_KEY = {
    6, 7, 0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 2, 1
  };
  private static final int HEADER_BYTES = 40;

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
    if (clientKey(config).filter(ApiClients::isEllipticCurve).isPresent()) {
      config.setClientKeyAlgo("EC");
    }
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /// A client for a process inside a pod, by what its service account's volume holds. The token is
  /// read anew for each connection, as the kubelet replaces it.
  ///
  /// @param url of the API server
  /// @param account the volume: `token`, `ca.crt`
  /// @throws IllegalArgumentException if the volume is not there; the message names it
  public static KubernetesClient inPod(String url, Path account, String userAgent) {
    Path token = account.resolve("token");
    if (!Files.isReadable(token)) {
      throw new IllegalArgumentException("the service account's " + token + " cannot be read");
    }
    Config config =
        new ConfigBuilder(Config.empty())
            .withMasterUrl(url)
            .withCaCertFile(account.resolve("ca.crt").toString())
            .withUserAgent(userAgent)
            .withOauthTokenProvider(() -> {
              try {
                return Files.readString(token).strip();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            })
            .build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /// The client's key in PEM; empty if there is none, or it is broken: the client says so itself
  /// when it loads it.
  private static Optional<String> clientKey(Config config) {
    try {
      if (config.getClientKeyData() != null) {
        byte[] decoded = Base64.getMimeDecoder().decode(config.getClientKeyData());
        return Optional.of(new String(decoded, StandardCharsets.US_ASCII));
      }
      return config.getClientKeyFile() == null
          ? Optional.empty()
          : Optional.of(
              Files.readString(Path.of(config.getClientKeyFile()), StandardCharsets.US_ASCII));
    } catch (IOException | IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  /// Whether a key is of the form of RFC 5915, or one of PKCS#8 that names `id-ecPublicKey` (RFC
  /// 5480). The client cannot tell by itself and takes every key for RSA.
  private static boolean isEllipticCurve(String pem) {
    if (pem.contains("-----BEGIN EC PRIVATE KEY-----")) {
      return true;
    }
    int from = pem.indexOf('\n', pem.indexOf("-----BEGIN PRIVATE KEY-----"));
    int to = pem.indexOf("-----END PRIVATE KEY-----");
    if (from < 0 || to < from) {
      return false;
    }
    byte[] head = Base64.getMimeDecoder().decode(pem.substring(from, to));
    for (int at = 0; at + EC_PUBLIC_KEY.length <= Math.min(head.length, HEADER_BYTES); at++) {
      if (Arrays.equals(
          head, at, at + EC_PUBLIC_KEY.length, EC_PUBLIC_KEY, 0, EC_PUBLIC_KEY.length)) {
        return true;
      }
    }
    return false;
  }
}
