// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.IpAddress;
import dev.fairway.provision.ClusterSpec;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
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

  /// Shows the name service under its customary name. It has no endpoints: every node answers for
  /// its own pods at the Service's address.
  static void publish(KubernetesClient client, ClusterSpec spec) {
    Service service =
        new ServiceBuilder()
            .withNewMetadata()
            .withName("kube-dns")
            .withNamespace("kube-system")
            .addToLabels("k8s-app", "kube-dns")
            .addToLabels("kubernetes.io/name", "CoreDNS")
            .endMetadata()
            .withNewSpec()
            .withClusterIP(spec.dnsAddress().toString())
            .addNewPort()
            .withName("dns")
            .withProtocol("UDP")
            .withPort(PORT)
            .withTargetPort(new IntOrString(PORT))
            .endPort()
            .addNewPort()
            .withName("dns-tcp")
            .withProtocol("TCP")
            .withPort(PORT)
            .withTargetPort(new IntOrString(PORT))
            .endPort()
            .endSpec()
            .build();
    if (client.resource(service).get() == null) {
      client.resource(service).create();
    }
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
