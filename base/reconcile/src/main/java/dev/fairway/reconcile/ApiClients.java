// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.NoSuchAlgorithmException;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
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
    clientKey(config)
        .filter(ApiClients::isEllipticCurve)
        .ifPresent(key -> config.setClientKeyAlgo("EC"));
    if (hasEllipticCurveKey(config)) {
      // The client takes every key for RSA unless told otherwise.
      config.setClientKeyAlgo("EC");
    }
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  private static boolean hasEllipticCurveKey(Config config) {
    try {
      String pem;
      if (config.getClientKeyData() != null) {
        byte[] decoded = Base64.getMimeDecoder().decode(config.getClientKeyData());
        pem = new String(decoded, StandardCharsets.US_ASCII);
      } else if (config.getClientKeyFile() != null) {
        pem = Files.readString(Path.of(config.getClientKeyFile()));
      } else {
        return false;
      }
      int from = pem.indexOf("-----BEGIN PRIVATE KEY-----");
      int to = pem.indexOf("-----END PRIVATE KEY-----");
      if (from < 0 || to < from) {
        return pem.contains("BEGIN EC PRIVATE KEY");
      }
      String body = pem.substring(from + "-----BEGIN PRIVATE KEY-----".length(), to);
      byte[] key = Base64.getMimeDecoder().decode(body);
      KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(key));
      return true;
    } catch (InvalidKeySpecException
        | IOException
        | NoSuchAlgorithmException
        | IllegalArgumentException e) {
      // Another algorithm, or a broken key: the client says so itself when it loads it.
      return false;
    }
  }

  private static Optional<byte[]> clientKey(Config config) {
    String data = config.getClientKeyData();
    if (data == null) {
      return Optional.empty();
    }
    String pem = new String(Base64.getMimeDecoder().decode(data), StandardCharsets.US_ASCII);
    String body = pem.replaceAll("-----[A-Z ]+-----", "");
    return Optional.of(Base64.getMimeDecoder().decode(body));
  }

  /// Whether a PKCS#8 key names `id-ecPublicKey` (RFC 5480). The client cannot tell by itself and
  /// takes every key for RSA.
  private static boolean isEllipticCurve(byte[] key) {
    for (int from = 0; from + EC_PUBLIC_KEY.length <= Math.min(key.length, HEADER_BYTES); from++) {
      if (Arrays.equals(
          key, from, from + EC_PUBLIC_KEY.length, EC_PUBLIC_KEY, 0, EC_PUBLIC_KEY.length)) {
        return true;
      }
    }
    return false;
  }
}
