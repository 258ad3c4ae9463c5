// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers;

import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// What the controllers have to be told.
///
/// @param podNetworks every node gets a part of each as `spec.podCIDRs`; one a family, the primary
///   first
/// @param caCertificate PEM text that is published to every namespace as `kube-root-ca.crt`
/// @param nodeGrace how long a node's lease may stay unrenewed until the node counts as unreachable
public record ControllersConfig(
    List<PodNetwork> podNetworks, String caCertificate, Duration nodeGrace) {
  private static final int IPV4_NODE_LENGTH = 24;
  private static final int IPV6_NODE_LENGTH = 64;

  public ControllersConfig {
    podNetworks = List.copyOf(podNetworks);
    List<IpFamily> families =
        podNetworks.stream().map(network -> network.prefix().family()).toList();
    if (families.isEmpty() || families.size() != families.stream().distinct().count()) {
      throw new IllegalArgumentException(
          "podNetworks must hold one network of a family, or one of each: " + podNetworks);
    }
  }

  /// A range of pod addresses and how it is shared out.
  ///
  /// @param prefix all of it
  /// @param nodePrefixLength how large a node's part is, such as 24
  public record PodNetwork(Prefix prefix, int nodePrefixLength) {
    public PodNetwork {
      if (nodePrefixLength < prefix.length()
          || nodePrefixLength > prefix.family().addressBits()
          || nodePrefixLength - prefix.length() > 32) {
        throw new IllegalArgumentException(
            "nodePrefixLength /" + nodePrefixLength + " does not fit into pod network " + prefix);
      }
    }
  }

  /// Ordinary settings: a /24 of IPv4 and a /64 of IPv6 a node, 40 seconds of grace.
  public static ControllersConfig of(List<Prefix> podNetworks, String caCertificate) {
    List<PodNetwork> networks = new ArrayList<>();
    for (Prefix prefix : podNetworks) {
      networks.add(
          new PodNetwork(
              prefix, prefix.family() == IpFamily.IPV4 ? IPV4_NODE_LENGTH : IPV6_NODE_LENGTH));
    }
    return new ControllersConfig(networks, caCertificate, Duration.ofSeconds(40));
  }
}
