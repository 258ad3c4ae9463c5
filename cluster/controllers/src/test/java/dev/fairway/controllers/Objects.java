// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import io.fabric8.kubernetes.client.utils.KubernetesSerialization;

/// Reads objects from short YAML.
public final class Objects {
  public static final KubernetesSerialization YAML = new KubernetesSerialization();

  private Objects() {}

  public static <T> T read(Class<T> type, String yaml) {
    // Without a mark, text that begins with a brace is taken for JSON.
    return YAML.unmarshal("---\n" + yaml, type);
  }
}
