// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import dev.fairway.net.Prefix;
import java.time.Duration;

/// What the controllers have to be told.
///
/// @param podNetwork every node gets a part of it as `spec.podCIDR`
/// @param nodePrefixLength how large that part is, such as 24
/// @param caCertificate PEM text that is published to every namespace as `kube-root-ca.crt`
/// @param nodeGrace how long a node's lease may stay unrenewed until the node counts as unreachable
public record ControllersConfig(
    Prefix podNetwork, int nodePrefixLength, String caCertificate, Duration nodeGrace) {
  public ControllersConfig {
    if (nodePrefixLength < podNetwork.length()
        || nodePrefixLength > podNetwork.family().addressBits()) {
      throw new IllegalArgumentException(
          "nodePrefixLength /" + nodePrefixLength + " does not fit into podNetwork " + podNetwork);
    }
  }

  /// Ordinary settings: a /24 a node, 40 seconds of grace.
  public static ControllersConfig of(Prefix podNetwork, String caCertificate) {
    return new ControllersConfig(podNetwork, 24, caCertificate, Duration.ofSeconds(40));
  }
}
