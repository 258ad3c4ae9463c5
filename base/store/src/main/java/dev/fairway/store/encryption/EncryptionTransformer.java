// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store.encryption;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.fairway.store.Transformer;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Encrypts what lies under some keys, and leaves the rest alone.
final class EncryptionTransformer implements Transformer {
  private static final byte[] ENCRYPTED = "k8s:enc:".getBytes(US_ASCII);
  private static final int MAX_SHOWN_PREFIX = 60;

  /// The providers of a key prefix, the writing one first.
  private final Map<String, List<Provider>> byKeyPrefix;

  /// @param byKeyPrefix in the order of the configuration: the first that matches counts
  EncryptionTransformer(Map<String, List<Provider>> byKeyPrefix) {
    this.byKeyPrefix = byKeyPrefix;
  }

  private List<Provider> providers(String key) {
    for (Map.Entry<String, List<Provider>> entry : byKeyPrefix.entrySet()) {
      if (key.startsWith(entry.getKey())) {
        return entry.getValue();
      }
    }
    return List.of();
  }

  @Override
  public byte[] toStorage(String key, byte[] value) {
    List<Provider> providers = providers(key);
    if (providers.isEmpty()) {
      return value;
    }
    Provider writing = providers.getFirst();
    try {
      byte[] sealed = writing.encrypt(key, value);
      byte[] prefix = writing.prefix().getBytes(UTF_8);
      byte[] stored = Arrays.copyOf(prefix, prefix.length + sealed.length);
      System.arraycopy(sealed, 0, stored, prefix.length, sealed.length);
      return stored;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("cannot encrypt for " + writing.prefix(), e);
    }
  }

  @Override
  public Plain fromStorage(String key, byte[] stored) throws GeneralSecurityException {
    List<Provider> providers = providers(key);
    for (int i = 0; i < providers.size(); i++) {
      Provider provider = providers.get(i);
      byte[] prefix = provider.prefix().getBytes(UTF_8);
      // What is encrypted is nobody's plain value, even where plain values are taken.
      if (prefix.length == 0 ? startsWith(stored, ENCRYPTED) : !startsWith(stored, prefix)) {
        continue;
      }
      try {
        byte[] sealed = Arrays.copyOfRange(stored, prefix.length, stored.length);
        return new Plain(provider.decrypt(key, sealed), i > 0);
      } catch (GeneralSecurityException e) {
        throw new GeneralSecurityException(
            key
                + " cannot be decrypted: the key of "
                + provider.prefix()
                + " in the encryption configuration is another than it was written with, or"
                + " somebody changed the stored value",
            e);
      }
    }
    if (startsWith(stored, ENCRYPTED)) {
      throw new GeneralSecurityException(
          key
              + " cannot be decrypted: it was written as "
              + shownPrefix(stored)
              + ", which the encryption configuration does not have for it");
    }
    if (providers.isEmpty()) {
      return new Plain(stored, false);
    }
    throw new GeneralSecurityException(
        key
            + " is not encrypted, and the encryption configuration does not take that: add the"
            + " provider identity, last");
  }

  private static boolean startsWith(byte[] stored, byte[] prefix) {
    return stored.length >= prefix.length
        && Arrays.equals(stored, 0, prefix.length, prefix, 0, prefix.length);
  }

  /// Provider, version and name of the key, which are no secrets.
  private static String shownPrefix(byte[] stored) {
    int colons = 0;
    int end = 0;
    while (end < Math.min(stored.length, MAX_SHOWN_PREFIX) && colons < 5) {
      if (stored[end++] == ':') {
        colons++;
      }
    }
    return new String(stored, 0, end, US_ASCII);
  }
}
