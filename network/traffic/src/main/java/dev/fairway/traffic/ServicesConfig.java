// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Set;

/// What the Services of a node need to know about it.
///
/// @param nodeName the node's name, as in `spec.nodeName`
/// @param nodePortAddresses the node's own addresses that node ports are served at
/// @param podPrefixes the pod network of the whole cluster: connections from it keep their source
/// @param leftAlone addresses that something else serves on this node, such as the cluster's DNS:
///   neither redirected nor refused
public record ServicesConfig(
    String nodeName,
    List<IpAddress> nodePortAddresses,
    List<Prefix> podPrefixes,
    Set<IpAddress> leftAlone) {
  public ServicesConfig {
    nodePortAddresses = List.copyOf(nodePortAddresses);
    podPrefixes = List.copyOf(podPrefixes);
    leftAlone = Set.copyOf(leftAlone);
    for (IpAddress address : nodePortAddresses) {
      if (address.isUnspecified() || address.isLoopback() || address.isMulticast()) {
        throw new IllegalArgumentException(
            "node ports cannot be served at " + address + "; name the node's own addresses");
      }
    }
  }
}
