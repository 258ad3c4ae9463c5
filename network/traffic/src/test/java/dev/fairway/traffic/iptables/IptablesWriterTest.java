// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.traffic.rules.ServiceIndex;
import dev.fairway.traffic.rules.ServicePortName;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What is written for iptables, as kube-proxy writes it.
class IptablesWriterTest {
  private static final ServicesConfig CONFIG =
      ServicesConfig.of(
              "worker-0",
              List.of(IpAddress.parse("10.240.0.20")),
              List.of(Prefix.parse("10.200.0.0/16")))
          .withExternalIps(true)
          .withDatapath(ServicesConfig.Datapath.IPTABLES);

  /// The names that kube-proxy's own tests have for these ports and endpoints.
  @Test
  void chainsHaveKubeProxysNames() {
    assertThat(KubeChains.cluster(name("ns1", "svc1"), Protocol.TCP))
        .isEqualTo("KUBE-SVC-XPGD46QRK7WJZT7O");
    assertThat(KubeChains.external(name("ns2", "svc2"), Protocol.TCP))
        .isEqualTo("KUBE-EXT-GNZBNJ2PO5MGZ6GT");
    assertThat(KubeChains.firewall(name("ns5", "svc5"), Protocol.TCP))
        .isEqualTo("KUBE-FW-NUKIZ6OKUXPJNT4C");
    assertThat(
            KubeChains.endpoint(
                name("ns4", "svc4"),
                Protocol.TCP,
                new TransportAddress(IpAddress.parse("10.180.0.5"), 80)))
        .isEqualTo("KUBE-SEP-C6EBXVWJJZMIWKLZ");
  }

  private static ServicePortName name(String namespace, String name) {
    return new ServicePortName(new ObjectKey(namespace, name), "p80");
  }

  @Test
  void everyKindOfServiceIsAsWrittenDown() throws Exception {
    List<Service> services = new ArrayList<>();
    List<EndpointSlice> slices = new ArrayList<>();
    services.add(service("inside", "10.32.0.1", "TCP", 80));
    slices.add(
        slice("inside", "TCP", 8080, ready("a", "10.200.1.2"), ready("worker-0", "10.200.0.2")));
    services.add(
        new ServiceBuilder(port(service("local", "10.32.0.2"), "http", "TCP", 80, 30080).build())
            .editSpec()
            .withType("LoadBalancer")
            .withExternalTrafficPolicy("Local")
            .withHealthCheckNodePort(32000)
            .withLoadBalancerSourceRanges("203.0.113.0/25", "10.240.0.0/24")
            .withExternalIPs("192.0.2.7")
            .endSpec()
            .withNewStatus()
            .withNewLoadBalancer()
            .addNewIngress()
            .withIp("192.0.2.8")
            .endIngress()
            .endLoadBalancer()
            .endStatus()
            .build());
    slices.add(port(slice("local", ready("a", "10.200.1.3")), "http", "TCP", 8080).build());
    services.add(
        new ServiceBuilder(port(service("sticky", "10.32.0.3"), null, "UDP", 53, 30053).build())
            .editSpec()
            .withSessionAffinity("ClientIP")
            .withInternalTrafficPolicy("Local")
            .endSpec()
            .build());
    slices.add(
        slice("sticky", "UDP", 5353, ready("a", "10.200.1.4"), ready("worker-0", "10.200.0.4")));
    services.add(port(service("empty", "10.32.0.4"), null, "TCP", 80, 30081).build());
    ServiceIndex index = new ServiceIndex(CONFIG, problem -> assertThat(problem).isEmpty());
    index.set(services, slices);
    index.refresh();
    IptablesRules rules =
        IptablesWriter.write(IpFamily.IPV4, CONFIG, index.ports(), index.healthChecks().values());
    String text = change(IptablesRules.none(), rules, Map.of());
    Path golden = Path.of("src/test/resources/golden/services.iptables");
    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(golden, text);
    }
    assertThat(text).isEqualTo(Files.readString(golden));
  }

  private static String change(
      IptablesRules before, IptablesRules after, Map<String, List<String>> there) {
    return IptablesRules.change(before, after, there, Set.of(), Set.of());
  }

  @Test
  void onlyChainsThatDifferAreWrittenAndOnlyOursAreDeletedWhenTheyAreIdle() {
    IptablesRules before =
        new IptablesRules(
            Map.of(), Map.of("KUBE-SVC-A", List.of("-j KUBE-SEP-A"), "KUBE-SEP-A", List.of("-x")));
    IptablesRules after = new IptablesRules(Map.of(), Map.of("KUBE-SEP-A", List.of("-x")));
    Map<String, List<String>> there =
        Map.of("nat", List.of("PREROUTING", "KUBE-SVC-A", "KUBE-SEP-A", "KUBE-KUBELET-CANARY"));
    assertThat(change(before, after, there)).isEmpty();
    Set<String> idle = Set.of("KUBE-SVC-A");
    assertThat(IptablesRules.change(after, after, there, idle, Set.of())).isEmpty();
    String deletion =
        """
        *nat
        :KUBE-SVC-A - [0:0]
        -X KUBE-SVC-A
        COMMIT
        """;
    assertThat(IptablesRules.change(after, after, there, idle, idle)).isEqualTo(deletion);
    assertThat(IptablesRules.deletion(idle)).isEqualTo(deletion);
    assertThat(IptablesRules.change(after, before, there, idle, idle))
        .as("wanted again")
        .isEqualTo(
            """
            *nat
            :KUBE-SVC-A - [0:0]
            -A KUBE-SVC-A -j KUBE-SEP-A
            COMMIT
            """);
    assertThat(change(after, after, Map.of("nat", List.of("KUBE-SEP-A")))).isEmpty();
  }

  @Test
  void chainsAreThereBeforeOthersLeadToThem() {
    IptablesRules before =
        new IptablesRules(
            Map.of("KUBE-SERVICES", List.of("-j REJECT")),
            Map.of("KUBE-SVC-A", List.of("-j KUBE-SEP-A"), "KUBE-SEP-A", List.of("-x")));
    IptablesRules after =
        new IptablesRules(
            Map.of("KUBE-SERVICES", List.of()),
            Map.of("KUBE-SVC-A", List.of("-j KUBE-SEP-B"), "KUBE-SEP-B", List.of("-y")));
    String nat =
        """
        *nat
        :KUBE-SEP-B - [0:0]
        -A KUBE-SEP-B -y
        COMMIT
        *nat
        :KUBE-SVC-A - [0:0]
        -A KUBE-SVC-A -j KUBE-SEP-B
        COMMIT
        """;
    String filter =
        """
        *filter
        :KUBE-SERVICES - [0:0]
        COMMIT
        """;
    assertThat(change(before, after, before.chains()))
        .as("refused until there is an endpoint")
        .isEqualTo(nat + filter);
    assertThat(change(after, before, after.chains()))
        .startsWith(
            """
            *filter
            :KUBE-SERVICES - [0:0]
            -A KUBE-SERVICES -j REJECT
            COMMIT
            *nat
            """);
  }
}
