// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.provision.CertificateAuthority.KeyFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

/// Writes kubeconfig files, everything they need inside them.
final class Kubeconfig {
  private Kubeconfig() {}

  static void write(
      Path file, String cluster, String apiUrl, Path authority, String user, KeyFiles identity) {
    try {
      String text =
          """
          apiVersion: v1
          kind: Config
          clusters:
          - name: fairway-%1$s
            cluster:
              server: %2$s
              certificate-authority-data: %3$s
          users:
          - name: %4$s
            user:
              client-certificate-data: %5$s
              client-key-data: %6$s
          contexts:
          - name: fairway-%1$s
            context:
              cluster: fairway-%1$s
              user: %4$s
          current-context: fairway-%1$s
          """
              .formatted(
                  cluster,
                  apiUrl,
                  base64(authority),
                  user,
                  base64(identity.certificate()),
                  base64(identity.key()));
      Files.createDirectories(file.getParent());
      Pem.writeSecret(file, text);
    } catch (IOException e) {
      throw new ProvisionException(
          "kubeconfig " + file + " cannot be written: " + e.getMessage(), e);
    }
  }

  private static String base64(Path file) throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(file));
  }
}
