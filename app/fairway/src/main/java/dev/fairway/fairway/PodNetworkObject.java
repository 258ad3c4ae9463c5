// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.InvalidSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ProvisionException;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The pod network's settings as the API has them: every node's agent follows this ConfigMap. `up`
/// makes it; from then on it belongs to whoever edits it.
final class PodNetworkObject {
  static final String COLLECTION = "/api/v1/namespaces/kube-system/configmaps";
  static final String NAME = "fairway-podnet";
  static final String PATH = COLLECTION + "/" + NAME;
  private static final String KEY = "podnet.yaml";

  /// What carries out Services: `nftables`, `iptables` or `ebpf`.
  static final String SERVICES = "services";

  private PodNetworkObject() {}

  static String of(ClusterSpec spec, Datapath services) {
    StringBuilder text = new StringBuilder(256);
    text.append("apiVersion: podnet.fairway.dev/v1\nkind: PodNetworkConfiguration\npodRanges:\n");
    for (Prefix range : spec.podNetworks()) {
      text.append("- \"").append(range).append("\"\n");
    }
    text.append("serviceRanges: [").append(spec.serviceNetwork()).append("]\n");
    text.append("backend: ").append(spec.backend()).append('\n');
    ObjectNode object = JsonMapper.shared().createObjectNode();
    object.put("apiVersion", "v1").put("kind", "ConfigMap");
    object.putObject("metadata").put("name", NAME).put("namespace", "kube-system");
    object.putObject("data").put(KEY, text.toString()).put(SERVICES, services.word());
    return object.toString();
  }

  /// Services carried out by other means.
  ///
  /// @return a merge patch
  static String changedTo(Datapath services) {
    ObjectNode patch = JsonMapper.shared().createObjectNode();
    patch.putObject("data").put(SERVICES, services.word());
    return patch.toString();
  }

  /// The same settings but for the backend.
  ///
  /// @param object the ConfigMap as it is
  /// @return a merge patch; empty if it has that backend
  /// @throws ProvisionException if the settings cannot be changed so
  static Optional<String> changedTo(ClusterSpec.Backend backend, String object) {
    String old = JsonMapper.shared().readTree(object).path("data").path(KEY).asString("");
    StringBuilder text = new StringBuilder();
    for (String line : old.lines().toList()) {
      if (!line.startsWith("backend:")) {
        text.append(line).append('\n');
      }
    }
    text.append("backend: ").append(backend).append('\n');
    try {
      PodNetworkSettings before = PodNetworkSettings.parse(old);
      PodNetworkSettings after = PodNetworkSettings.parse(text.toString());
      if (after.equals(before)) {
        return Optional.empty();
      }
    } catch (InvalidSettings e) {
      throw new ProvisionException(
          "ConfigMap kube-system/"
              + NAME
              + ", key "
              + KEY
              + ": "
              + e.getMessage()
              + "; edit it by hand",
          e);
    }
    ObjectNode patch = JsonMapper.shared().createObjectNode();
    patch.putObject("data").put(KEY, text.toString());
    return Optional.of(patch.toString());
  }
}
