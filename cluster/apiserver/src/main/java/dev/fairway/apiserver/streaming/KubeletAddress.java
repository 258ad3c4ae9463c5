// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// Where a node's kubelet listens.
public record KubeletAddress(String host, int port) {
  private static final int KUBELET_PORT = 10250;

  /// From a Node's status: its InternalIP, else its Hostname.
  public static KubeletAddress of(JsonNode node) {
    String host =
        address(node, "InternalIP")
            .or(() -> address(node, "Hostname"))
            .orElseThrow(() ->
                StatusException.unavailable(
                    "node \""
                        + Trees.text(node, "metadata", "name")
                        + "\" has not told its address yet"));
    long port =
        Trees.number(node, KUBELET_PORT, "status", "daemonEndpoints", "kubeletEndpoint", "Port");
    return new KubeletAddress(host, (int) (port > 0 && port <= 65535 ? port : KUBELET_PORT));
  }

  private static Optional<String> address(JsonNode node, String type) {
    for (JsonNode address : Trees.items(node, "status", "addresses")) {
      if (Trees.text(address, "type").equals(type)) {
        return Optional.of(Trees.text(address, "address"));
      }
    }
    return Optional.empty();
  }

  /// As it stands in a URL.
  public String authority() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
