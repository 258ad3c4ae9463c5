// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;
import java.util.List;
import java.util.Map;

/// What the policies of a node need to know about it.
///
/// @param nodeName the node's name, as in `spec.nodeName`
/// @param served what the node itself serves in the place of pods
/// @param podLinks what the names of the node's links to pods begin with; empty if that is not
///   known
public record PolicyConfig(String nodeName, List<Served> served, String podLinks) {
  /// Addresses that a node serves, and which pod they are taken for where policies select pods.
  public record Served(
      String namespace, String name, Map<String, String> labels, List<IpAddress> addresses) {}

  public PolicyConfig {
    served = List.copyOf(served);
  }

  /// Where it is not known which links are pods'.
  public PolicyConfig(String nodeName, List<Served> served) {
    this(nodeName, served, "");
  }

  /// The cluster's DNS, served by each node, as the pods of CoreDNS that policies are written for.
  public static Served clusterDns(IpAddress address) {
    return new Served(
        "kube-system", "the node's DNS", Map.of("k8s-app", "kube-dns"), List.of(address));
  }
}
