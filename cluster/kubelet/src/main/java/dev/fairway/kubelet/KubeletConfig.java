// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// What a node is and where it keeps its things.
///
/// @param nodeName the Node object's name, also the host name shown for pods on the host network
/// @param nodeIps the addresses other machines reach this one at, one a family, the primary first
/// @param runtimeSocket containerd's socket
/// @param stateDirectory holds `pods/` (volumes, hosts files) and `log/pods/` (container logs)
/// @param clusterDns the address of the cluster's DNS service; empty for none
/// @param clusterDomain such as `cluster.local`
/// @param resolvConf the machine's own resolver settings, for pods with dnsPolicy Default
/// @param cgroupParent a cgroup path such as `/fairway-lab/worker-0`; each pod gets a child of it
/// @param tls identity and trust of the node's HTTPS API
/// @param port of the node's HTTPS API; 0 takes a free one
/// @param maxPods what the Node reports as its capacity of pods
/// @param labels to put on the Node beside the well-known ones
public record KubeletConfig(
    String nodeName,
    List<String> nodeIps,
    Path runtimeSocket,
    Path stateDirectory,
    String clusterDns,
    String clusterDomain,
    Path resolvConf,
    String cgroupParent,
    Tls tls,
    int port,
    int maxPods,
    Map<String, String> labels) {

  public KubeletConfig {
    if (nodeIps.isEmpty()) {
      throw new IllegalArgumentException("nodeIps must hold at least one address");
    }
    nodeIps = List.copyOf(nodeIps);
    if (!cgroupParent.startsWith("/") || cgroupParent.endsWith("/")) {
      throw new IllegalArgumentException(
          "cgroupParent '" + cgroupParent + "' must start with / and not end with it");
    }
    if (maxPods < 1) {
      throw new IllegalArgumentException("maxPods " + maxPods + " must be at least 1");
    }
    labels = Map.copyOf(labels);
  }

  /// PEM files of the node's HTTPS API.
  ///
  /// @param certificate what the node shows, with its chain
  /// @param key its private key, PKCS#8
  /// @param clientAuthority who signs the certificates of those allowed to ask
  public record Tls(Path certificate, Path key, Path clientAuthority) {}

  /// The address by which this node is meant where only one can be.
  String nodeIp() {
    return nodeIps.getFirst();
  }

  Path podsDirectory() {
    return stateDirectory.resolve("pods");
  }

  Path logsDirectory() {
    return stateDirectory.resolve("log/pods");
  }
}
