// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;

/// The cluster's EncryptionConfiguration: Secrets are encrypted with a key that only this cluster
/// has. Whoever edits it keeps what is his: an existing file is left alone.
final class EncryptionKeys {
  private static final int KEY_BYTES = 32;

  private EncryptionKeys() {}

  static void ensure(Path file) {
    if (Files.exists(file)) {
      return;
    }
    byte[] key = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(key);
    String text =
        """
        # What is encrypted in the store. To change the key, put a new one first, start the API server
        # again, and write every Secret anew: kubectl get secrets -A -o json | kubectl replace -f -
        apiVersion: apiserver.config.k8s.io/v1
        kind: EncryptionConfiguration
        resources:
        - resources: [secrets]
          providers:
          - aescbc:
              keys:
              - name: key1
                secret: %s
          - identity: {}
        """
            .formatted(Base64.getEncoder().encodeToString(key));
    try {
      Pem.writeSecret(file, text);
    } catch (IOException e) {
      throw new ProvisionException(file + " cannot be written: " + e.getMessage(), e);
    }
  }
}
