// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.dns.DnsConfig;
import dev.fairway.dns.DnsServer;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;

/// The DNS server alone in a process, with the names of many Services and no API server. Says
/// `ready` and how much memory the names take, besides the objects that they come from.
final class NameServer {
  private static final int PORT = 53;
  private static final Prefix SERVICES = Prefix.parse("10.32.0.0/12");

  private NameServer() {}

  static IpAddress address(int index) {
    return SERVICES.at(index + 100L);
  }

  static Service service(String namespace, String name, String address) {
    return new ServiceBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .withType("ClusterIP")
        .withClusterIP(address)
        .withClusterIPs(address)
        .addNewPort()
        .withName("http")
        .withProtocol("TCP")
        .withPort(80)
        .endPort()
        .endSpec()
        .build();
  }

  static DnsConfig config(String address, List<InetSocketAddress> upstreams) {
    return DnsConfig.of(
        List.of(new InetSocketAddress(IpAddress.parse(address).toInetAddress(), PORT)),
        "cluster.local",
        List.of(SERVICES),
        List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("127.0.0.0/8")),
        upstreams);
  }

  public static void main(String[] arguments) throws InterruptedException {
    int count = Integer.parseInt(arguments[1]);
    try (DnsServer server = DnsServer.start(config(arguments[0], List.of()))) {
      List<Service> services = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        services.add(service("bench", "service-" + i, address(i).toString()));
      }
      long before = usedBytes();
      server.set(services, List.of(), List.of());
      System.out.println("ready " + (usedBytes() - before));
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  private static long usedBytes() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
