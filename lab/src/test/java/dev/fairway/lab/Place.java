// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// Where packets begin and end: a pod's network namespace, or a machine's for pods of the host
/// network.
///
/// @param name of the pod
/// @param own whether the pod has a network of its own
/// @param file of the namespace
/// @param addresses one a family, the primary first
/// @param mtu of `eth0`, bytes
record Place(
    String name,
    boolean own,
    Path file,
    NetworkNamespace namespace,
    List<IpAddress> addresses,
    int mtu)
    implements AutoCloseable {
  /// Where a running pod is.
  static Place of(LabCluster cluster, String namespace, String pod) throws IOException {
    String[] words =
        cluster
            .kubectl(
                "get pod -n "
                    + namespace
                    + " "
                    + pod
                    + " -o jsonpath='{.spec.nodeName} {.spec.hostNetwork} "
                    + "{.status.podIPs[*].ip}'")
            .replace("  ", " false ")
            .split(" ");
    List<IpAddress> addresses =
        Arrays.stream(words, 2, words.length).map(IpAddress::parse).toList();
    boolean own = !words[1].equals("true");
    Path file =
        own
            ? podNamespace(cluster, words[0], addresses.getFirst())
            : machineNamespace(cluster, words[0]);
    NetworkNamespace inside = NetworkNamespace.open(file);
    try (RouteNetlink links = RouteNetlink.open(inside)) {
      return new Place(pod, own, file, inside, addresses, links.link("eth0").orElseThrow().mtu());
    }
  }

  static Path machineNamespace(LabCluster cluster, String machine) {
    return Path.of("/run/netns/fairway-" + cluster.name() + "-" + machine);
  }

  /// Pods' namespaces have no names, but each has its pod's address in it.
  private static Path podNamespace(LabCluster cluster, String machine, IpAddress address)
      throws IOException {
    Path all =
        Path.of(
            "/run/fairway", cluster.name(), machine, "containerd/io.containerd.grpc.v1.cri/netns");
    try (DirectoryStream<Path> files = Files.newDirectoryStream(all)) {
      for (Path file : files) {
        try (NetworkNamespace namespace = NetworkNamespace.open(file);
            RouteNetlink inside = RouteNetlink.open(namespace)) {
          if (inside.addresses().stream().map(LinkAddress::address).anyMatch(address::equals)) {
            return file;
          }
        }
      }
    }
    throw new AssertionError("no network namespace below " + all + " has " + address);
  }

  @Override
  public void close() {
    namespace.close();
  }
}
