// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A short name for a pod template, such as the `pod-template-hash` that tells the ReplicaSets of
/// one Deployment apart.
///
/// It only has to be stable and short: FNV-1a over the template with sorted keys. It is not the
/// number another implementation would find, and need not be, because templates are compared by
/// value.
public final class TemplateHash {
  /// The label a Deployment's ReplicaSets and their pods carry it in.
  public static final String LABEL = "pod-template-hash";

  /// No vowels and no digits that look like letters, so that no words come out.
  private static final String ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

  private TemplateHash() {}

  /// The hash of a template; `collisions` makes another one of the same template.
  public static String of(PodTemplateSpec template, int collisions, KubernetesSerialization json) {
    StringBuilder canonical = new StringBuilder();
    append(canonical, json.convertValue(template, Map.class));
    int hash = 0x811c9dc5;
    for (byte b : canonical.toString().getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xff)) * 0x01000193;
    }
    for (int i = 0; collisions != 0 && i < 32; i += 8) {
      hash = (hash ^ ((collisions >> i) & 0xff)) * 0x01000193;
    }
    String digits = Integer.toUnsignedString(hash);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < digits.length(); i++) {
      text.append(ALPHABET.charAt(digits.charAt(i) % ALPHABET.length()));
    }
    return text.toString();
  }

  private static void append(StringBuilder out, Object value) {
    switch (value) {
      case null -> out.append('~');
      case Map<?, ?> map -> {
        Map<String, Object> sorted = new TreeMap<>();
        map.forEach((key, each) -> sorted.put(String.valueOf(key), each == null ? "~" : each));
        out.append('{');
        sorted.forEach((key, each) -> {
          out.append(key).append('=');
          append(out, each);
          out.append(';');
        });
        out.append('}');
      }
      case List<?> list -> {
        out.append('[');
        for (Object each : list) {
          append(out, each);
          out.append(';');
        }
        out.append(']');
      }
      default -> out.append(value);
    }
  }
}
