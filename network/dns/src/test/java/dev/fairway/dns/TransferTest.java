// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Service;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The whole zone (AXFR, RFC 5936), for dig, drill and NSD.
class TransferTest {
  private static final int SERVICES = 2000;

  @TempDir Path directory;
  private final String address = Asking.ownAddress();
  private final String other = Asking.ownAddress();
  private DnsServer server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private void serve(List<Prefix> transferTo) {
    DnsConfig config =
        DnsConfig.of(
                List.of(new InetSocketAddress(address, Asking.PORT)),
                "cluster.local",
                List.of(Cluster.SERVICES),
                List.of(Cluster.PODS),
                List.of())
            .withTransferTo(transferTo);
    server = DnsServer.start(config);
    List<Service> services = new ArrayList<>();
    for (int i = 0; i < SERVICES; i++) {
      services.add(Cluster.clusterIp("many", "service-" + i, "10.32.100." + i % 250));
    }
    services.addAll(Cluster.services());
    follower().changed(true, Cluster.added(services), Cluster.added(Cluster.slices()));
  }

  private ZoneFollower follower() {
    return (ZoneFollower) server.subscriber();
  }

  private static List<String> lines(String said) {
    return said.lines().filter(line -> !line.isBlank() && !line.startsWith(";")).toList();
  }

  @Test
  void digAndDrillGetAllOfIt() throws Exception {
    serve(List.of(Prefix.parse("127.0.0.0/8")));
    List<String> records =
        lines(Asking.run("dig", "@" + address, "-p", "" + Asking.PORT, "cluster.local", "AXFR"));
    assertThat(records.getFirst()).contains("SOA").isEqualTo(records.getLast());
    Zone zone = follower().zone();
    assertThat(zone).isNotNull();
    long all = zone.within(Name.parse("cluster.local")).count();
    assertThat(records).hasSize((int) all + 1);
    assertThat(records.subList(1, records.size())).doesNotHaveDuplicates();
  }

  @Test
  void drillGetsIt() throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/drill")),
        "/usr/bin/drill (Debian package ldnsutils) is not here");
    serve(List.of(Prefix.parse("127.0.0.0/8")));
    String said =
        Asking.run("drill", "-t", "-p", "" + Asking.PORT, "@" + address, "cluster.local", "AXFR");
    assertThat(said).contains("service-1999.many.svc.cluster.local.", "10.32.7.8");
  }

  @Test
  void nobodyElseGetsIt() throws Exception {
    serve(List.of(Prefix.parse(other + "/32")));
    String command = "dig @" + address + " -p " + Asking.PORT + " +tries=1 ";
    assertThat(Asking.run((command + "cluster.local AXFR").split(" "))).contains("Transfer failed");
    assertThat(Asking.run((command + "-b " + other + " cluster.local AXFR").split(" ")))
        .contains("XFR size:");
    assertThat(Asking.run((command + "-b " + other + " svc.cluster.local AXFR").split(" ")))
        .contains("Transfer failed");
  }

  @Test
  void nsdIsASecondary() throws Exception {
    serve(List.of(Prefix.parse(other + "/32")));
    try (Nsd nsd =
        new Nsd(
            directory,
            "  ip-address: " + other + "@" + Asking.PORT + "\n",
            """
            zone:
              name: cluster.local
              request-xfr: AXFR %s@%d NOKEY
              outgoing-interface: %s
              allow-notify: 127.0.0.0/8 NOKEY
            """
                .formatted(address, Asking.PORT, other))) {
      String said =
          Asking.until(
              answer -> answer.contains("10.32.7.8"),
              "dig",
              "@" + other,
              "-p",
              "" + Asking.PORT,
              "+tries=1",
              "web.default.svc.cluster.local");
      assertThat(said).as(nsd.said()).contains(" aa ");
    }
  }

  @Test
  void theSerialGrowsWithEachChange() throws Exception {
    serve(List.of());
    long before = serial();
    follower()
        .changed(false, Cluster.added(List.of(Cluster.clusterIp("a", "b", "10.32.5.5"))), Map.of());
    assertThat(serial()).isGreaterThan(before);
  }

  private long serial() throws Exception {
    String[] words =
        Asking.run("dig", "@" + address, "-p", "" + Asking.PORT, "+short", "cluster.local", "SOA")
            .strip()
            .split(" ");
    return Long.parseLong(words[2]);
  }
}
