// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store.encryption;

import dev.fairway.store.Transformer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/// An `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`: which resources are encrypted,
/// how, and with which keys.
public final class EncryptionConfiguration {
  private static final Set<String> VERSIONS = Set.of("apiserver.config.k8s.io/v1", "v1");
  private static final int SECRETBOX_KEY_BYTES = 32;
  private static final Set<Integer> AES_KEY_BYTES = Set.of(16, 24, 32);

  private EncryptionConfiguration() {}

  /// Reads a configuration.
  ///
  /// @param yaml its text
  /// @param keyPrefixes where the objects of a resource (`secrets`, `deployments.apps`) lie in the
  ///   store; null if there is no such resource
  /// @throws IllegalArgumentException naming the field that is wrong; never with a key in it
  public static Transformer read(String yaml, Function<String, @Nullable String> keyPrefixes) {
    Map<?, ?> root = map(parse(yaml), "the encryption configuration");
    if (!VERSIONS.contains(text(root, "apiVersion", ""))
        || !text(root, "kind", "").equals("EncryptionConfiguration")) {
      throw new IllegalArgumentException(
          "apiVersion, kind: must be apiserver.config.k8s.io/v1, EncryptionConfiguration");
    }
    Map<String, List<Provider>> byKeyPrefix = new LinkedHashMap<>();
    List<?> entries = list(root.get("resources"), "resources");
    for (int i = 0; i < entries.size(); i++) {
      String path = "resources[" + i + "]";
      Map<?, ?> entry = map(entries.get(i), path);
      List<Provider> providers = providers(entry, path);
      List<?> resources = list(entry.get("resources"), path + ".resources");
      for (Object resource : resources) {
        byKeyPrefix.putIfAbsent(
            prefix(String.valueOf(resource), path + ".resources", keyPrefixes), providers);
      }
    }
    return new EncryptionTransformer(byKeyPrefix);
  }

  private static Object parse(String yaml) {
    try {
      Object root = new Load(LoadSettings.builder().build()).loadFromString(yaml);
      return root == null ? Map.of() : root;
    } catch (YamlEngineException e) {
      // Its message quotes the text, in which keys are.
      throw new IllegalArgumentException("the encryption configuration is no YAML", null);
    }
  }

  private static String prefix(
      String resource, String path, Function<String, @Nullable String> keyPrefixes) {
    if (resource.equals("*.*")) {
      return "/";
    }
    String prefix = resource.contains("*") ? null : keyPrefixes.apply(resource);
    if (prefix == null) {
      throw new IllegalArgumentException(
          path
              + ": \""
              + resource
              + "\" is no resource that is stored here; name one, such as secrets or"
              + " deployments.apps, or *.* for all");
    }
    return prefix;
  }

  private static List<Provider> providers(Map<?, ?> entry, String path) {
    List<?> given = list(entry.get("providers"), path + ".providers");
    List<Provider> providers = new ArrayList<>();
    for (int i = 0; i < given.size(); i++) {
      String at = path + ".providers[" + i + "]";
      Map<?, ?> provider = map(given.get(i), at);
      if (provider.size() != 1) {
        throw new IllegalArgumentException(at + ": must name exactly one provider");
      }
      Map.Entry<?, ?> only = provider.entrySet().iterator().next();
      String name = String.valueOf(only.getKey());
      switch (name) {
        case "identity" -> providers.add(new Provider.Identity());
        case "aescbc", "aesgcm", "secretbox" ->
            keys(name, only.getValue(), at + "." + name, providers);
        default ->
            throw new IllegalArgumentException(
                at + ": " + name + " is not supported; use secretbox, aesgcm, aescbc or identity");
      }
    }
    if (providers.isEmpty()) {
      throw new IllegalArgumentException(path + ".providers: must name at least one");
    }
    return List.copyOf(providers);
  }

  private static void keys(
      String provider, @Nullable Object value, String path, List<Provider> providers) {
    List<?> keys = list(map(value, path).get("keys"), path + ".keys");
    if (keys.isEmpty()) {
      throw new IllegalArgumentException(path + ".keys: must have at least one");
    }
    Set<String> names = new HashSet<>();
    for (int i = 0; i < keys.size(); i++) {
      String at = path + ".keys[" + i + "]";
      Map<?, ?> key = map(keys.get(i), at);
      String name = text(key, "name", "");
      if (name.isEmpty() || name.indexOf(':') >= 0 || !names.add(name)) {
        throw new IllegalArgumentException(at + ".name: must be set, unique and without a colon");
      }
      SecretKeySpec secret = secret(provider, text(key, "secret", ""), at);
      String prefix = "k8s:enc:" + provider + ":v1:" + name + ":";
      providers.add(
          switch (provider) {
            case "aescbc" -> new Provider.AesCbc(prefix, secret);
            case "aesgcm" -> new Provider.AesGcm(prefix, secret);
            default -> new Provider.SecretBox(prefix, secret);
          });
    }
  }

  private static SecretKeySpec secret(String provider, String encoded, String path) {
    byte[] bytes;
    try {
      bytes = Base64.getMimeDecoder().decode(encoded);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(path + ".secret: is not base64", null);
    }
    boolean box = provider.equals("secretbox");
    if (box ? bytes.length != SECRETBOX_KEY_BYTES : !AES_KEY_BYTES.contains(bytes.length)) {
      throw new IllegalArgumentException(
          path
              + ".secret: has "
              + bytes.length
              + " bytes, must have "
              + (box ? "32" : "16, 24 or 32"));
    }
    return new SecretKeySpec(bytes, box ? "XSalsa20" : "AES");
  }

  private static Map<?, ?> map(@Nullable Object value, String path) {
    if (value instanceof Map<?, ?> map) {
      return map;
    }
    throw new IllegalArgumentException(path + ": must be an object");
  }

  private static List<?> list(@Nullable Object value, String path) {
    if (value instanceof List<?> list) {
      return list;
    }
    throw new IllegalArgumentException(path + ": must be a list");
  }

  private static String text(Map<?, ?> map, String field, String otherwise) {
    return map.get(field) instanceof String text ? text : otherwise;
  }
}
