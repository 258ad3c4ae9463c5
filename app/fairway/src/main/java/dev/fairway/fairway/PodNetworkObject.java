// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.Prefix;
import dev.fairway.provision.ClusterSpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The pod network's settings as the API has them: every node's agent follows this ConfigMap. `up`
/// makes it; from then on it belongs to whoever edits it.
final class PodNetworkObject {
  static final String COLLECTION = "/api/v1/namespaces/kube-system/configmaps";
  static final String NAME = "fairway-podnet";
  private static final String KEY = "podnet.yaml";

  private PodNetworkObject() {}

  static String of(ClusterSpec spec) {
    StringBuilder text = new StringBuilder(256);
    text.append("apiVersion: podnet.fairway.dev/v1\nkind: PodNetworkConfiguration\npodRanges:\n");
    for (Prefix range : spec.podNetworks()) {
      text.append("- \"").append(range).append("\"\n");
    }
    text.append("backend: ").append(spec.backend()).append('\n');
    ObjectNode object = JsonMapper.shared().createObjectNode();
    object.put("apiVersion", "v1").put("kind", "ConfigMap");
    object.putObject("metadata").put("name", NAME).put("namespace", "kube-system");
    object.putObject("data").put(KEY, text.toString());
    return object.toString();
  }

  /// The same settings but for the backend.
  ///
  /// @param object the ConfigMap as it is
  /// @return a merge patch
  static String changedTo(ClusterSpec.Backend backend, String object) {
    JsonNode now = JsonMapper.shared().readTree(object);
    StringBuilder text = new StringBuilder();
    for (String line : now.path("data").path(KEY).asString("").lines().toList()) {
      if (!line.startsWith("backend:")) {
        text.append(line).append('\n');
      }
    }
    text.append("backend: ").append(backend).append('\n');
    ObjectNode patch = JsonMapper.shared().createObjectNode();
    patch.putObject("data").put(KEY, text.toString());
    return patch.toString();
  }
}
