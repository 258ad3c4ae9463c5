// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.IpAddress;
import dev.fairway.provision.ClusterSpec;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The cluster's name service as the API shows it, and whom it asks for other names.
final class ClusterDns {
  static final int PORT = 53;
  private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");
  private static final int MOST_UPSTREAMS = 3;

  private ClusterDns() {}

  /// Where the name service stands in the API.
  static final String COLLECTION = "/api/v1/namespaces/kube-system/services";

  static final String NAME = "kube-dns";

  /// The name service under its customary name. It has no endpoints: every node answers for its own
  /// pods at the Service's address.
  static String service(ClusterSpec spec) {
    return """
    {"apiVersion":"v1","kind":"Service",
     "metadata":{"name":"%3$s","namespace":"kube-system",
                 "labels":{"k8s-app":"kube-dns","kubernetes.io/name":"CoreDNS"}},
     "spec":{"clusterIP":"%1$s",
             "ports":[{"name":"dns","protocol":"UDP","port":%2$d,"targetPort":%2$d},
                      {"name":"dns-tcp","protocol":"TCP","port":%2$d,"targetPort":%2$d}]}}
    """
        .formatted(spec.dnsAddress(), PORT, NAME);
  }

  /// The host's own search path, which the kubelet puts behind the cluster's domains.
  static List<String> search() throws IOException {
    List<String> search = new ArrayList<>();
    if (Files.isReadable(RESOLV_CONF)) {
      for (String line : Files.readAllLines(RESOLV_CONF)) {
        String[] words = line.strip().split("\\s+");
        if (words[0].equals("search")) {
          search = new ArrayList<>(List.of(words).subList(1, words.length));
        }
      }
    }
    return search;
  }

  /// The host's own resolvers. One that listens on the host's loopback is out of a machine's reach.
  static List<InetSocketAddress> upstreams() throws IOException {
    List<InetSocketAddress> upstreams = new ArrayList<>();
    if (!Files.isReadable(RESOLV_CONF)) {
      return upstreams;
    }
    for (String line : Files.readAllLines(RESOLV_CONF)) {
      String[] words = line.strip().split("\\s+");
      if (words.length < 2 || !words[0].equals("nameserver") || words[1].indexOf('%') >= 0) {
        continue;
      }
      IpAddress address = IpAddress.parse(words[1]);
      if (!address.isLoopback() && upstreams.size() < MOST_UPSTREAMS) {
        upstreams.add(new InetSocketAddress(address.toInetAddress(), PORT));
      }
    }
    return upstreams;
  }
}
