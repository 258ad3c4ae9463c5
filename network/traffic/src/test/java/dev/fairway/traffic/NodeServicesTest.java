// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.net.ConnectException;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Real packets through the real kernel, between namespaces of the test's own.
class NodeServicesTest {
  private static final String VIP = "10.32.0.5";
  private static final ServicesConfig CONFIG =
      ServicesConfig.of(
              "worker-0",
              List.of(IpAddress.parse(NodeLab.NODE)),
              List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:200::/64")))
          .withLeftAlone(Set.of(IpAddress.parse("10.32.0.10")));

  private final NodeLab lab = new NodeLab();
  private final NetworkNamespace client = lab.pod("client", 4);
  private final NetworkNamespace one = lab.pod("one", 2);
  private NodeServices services = NodeServices.open(CONFIG, lab.node);

  @BeforeEach
  void serve() throws Exception {
    lab.pod("two", 3);
    lab.serveTcp("one", 8080);
    lab.serveTcp("two", 8080);
    lab.serveUdp("one", 5353);
    lab.serveUdp("two", 5353);
  }

  @AfterEach
  void close() throws Exception {
    services.close();
    lab.close();
  }

  private static EndpointSlice both(String service) {
    return slice(
        service, "TCP", 8080, ready("worker-0", "10.200.0.2"), ready("worker-1", "10.200.0.3"));
  }

  private void setWeb() {
    Service web = port(service("web", VIP), null, "TCP", 80, 30080).build();
    services.set(List.of(web), List.of(both("web")));
  }

  private static Set<String> askMany(NetworkNamespace from, String address, int port)
      throws Exception {
    Set<String> answers = new HashSet<>();
    for (int i = 0; i < 40; i++) {
      answers.add(NodeLab.ask(from, address, port));
    }
    return answers;
  }

  @Test
  void everyEndpointIsReachedAndSourcesAreKeptWhereTheyCanBe() throws Exception {
    setWeb();
    assertThat(askMany(client, VIP, 80))
        .containsExactlyInAnyOrder("one 10.200.0.4", "two 10.200.0.4");
    assertThat(askMany(lab.outside, VIP, 80))
        .containsExactlyInAnyOrder("one " + NodeLab.NODE, "two " + NodeLab.NODE);
    assertThat(askMany(lab.node, VIP, 80))
        .containsExactlyInAnyOrder("one " + NodeLab.NODE, "two " + NodeLab.NODE);
    assertThat(askMany(lab.outside, NodeLab.NODE, 30080))
        .containsExactlyInAnyOrder("one " + NodeLab.NODE, "two " + NodeLab.NODE);
    assertThat(askMany(lab.node, NodeLab.NODE, 30080))
        .containsExactlyInAnyOrder("one " + NodeLab.NODE, "two " + NodeLab.NODE);
    assertThat(askMany(client, NodeLab.NODE, 30080))
        .containsExactlyInAnyOrder("one " + NodeLab.NODE, "two " + NodeLab.NODE);
  }

  @Test
  void aPodReachesItselfThroughItsService() throws Exception {
    services.set(
        List.of(service("web", VIP, "TCP", 80)),
        List.of(slice("web", "TCP", 8080, ready("worker-0", "10.200.0.2"))));
    assertThat(NodeLab.ask(one, VIP, 80)).isEqualTo("one " + NodeLab.NODE);
  }

  @Test
  void whatNobodyServesIsRefusedAtOnce() throws Exception {
    services.set(List.of(service("empty", VIP, "TCP", 80)), List.of());
    for (NetworkNamespace from : List.of(client, lab.outside, lab.node)) {
      assertThatThrownBy(() -> NodeLab.ask(from, VIP, 80))
          .isInstanceOf(ConnectException.class)
          .hasMessageContaining("refused");
      assertThat(NodeLab.askUdp(from, VIP, 53)).isEqualTo("refused");
    }
    assertThatThrownBy(() -> NodeLab.ask(lab.outside, NodeLab.NODE, 30080))
        .isInstanceOf(ConnectException.class);
  }

  @Test
  void datagramsToo() throws Exception {
    Service dns = service("dns", VIP, "UDP", 53);
    EndpointSlice slice = slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"));
    services.set(List.of(dns), List.of(slice));
    assertThat(NodeLab.askUdp(client, VIP, 53)).isEqualTo("one 10.200.0.4");
    assertThat(NodeLab.askUdp(lab.node, VIP, 53)).isEqualTo("one " + NodeLab.NODE);
  }

  @Test
  void datagramsOfABusyClientFollowTheEndpoints() throws Exception {
    Service dns = service("dns", VIP, "UDP", 53);
    EndpointSlice ofOne = slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"));
    EndpointSlice ofTwo = slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.3"));
    services.set(List.of(dns), List.of(ofOne));
    try (DatagramChannel socket = NodeLab.connectUdp(client, VIP, 53)) {
      assertThat(NodeLab.askUdp(socket)).isEqualTo("one 10.200.0.4");
      services.change(dns, ofOne, ofTwo);
      assertThat(NodeLab.askUdp(socket)).isEqualTo("two 10.200.0.4");
      // Also where the endpoint went while no agent was running.
      services.close();
      services = NodeServices.open(CONFIG, lab.node);
      services.set(List.of(dns), List.of(ofOne));
      assertThat(NodeLab.askUdp(socket)).isEqualTo("one 10.200.0.4");
    }
  }

  @Test
  void localPolicyKeepsTheSourceAndAffinityKeepsTheEndpoint() throws Exception {
    Service web =
        new ServiceBuilder(port(service("web", VIP), null, "TCP", 80, 30080).build())
            .editSpec()
            .withExternalTrafficPolicy("Local")
            .withSessionAffinity("ClientIP")
            .endSpec()
            .build();
    services.set(List.of(web), List.of(both("web")));
    assertThat(askMany(lab.outside, NodeLab.NODE, 30080)).containsExactly("one " + NodeLab.OUTSIDE);
    assertThat(askMany(client, VIP, 80)).hasSize(1);
  }

  @Test
  void theOtherFamily() throws Exception {
    Service web =
        new ServiceBuilder(service("web", VIP, "TCP", 80))
            .editSpec()
            .withClusterIPs(VIP, "fd00:32::5")
            .endSpec()
            .build();
    EndpointSlice six = slice("web", "TCP", 8080, ready("worker-0", "fd00:200::2"));
    six.getMetadata().setName("web-six");
    services.set(List.of(web), List.of(both("web")));
    services.set(List.of(web), List.of(both("web"), six));
    assertThat(NodeLab.ask(client, "fd00:32::5", 80)).isEqualTo("one fd00:200:0:0:0:0:0:4");
    assertThat(NodeLab.ask(lab.outside, "fd00:32::5", 80)).isEqualTo("one fd00:240:0:0:0:0:0:20");
    assertThatThrownBy(() -> NodeLab.ask(client, "fd00:32::5", 81))
        .isInstanceOf(ConnectException.class);
  }

  @Test
  void connectionsOutliveTheAgentAndItsRestart() throws Exception {
    setWeb();
    try (NodeLab.Conversation inside = NodeLab.connect(client, VIP, 80);
        NodeLab.Conversation outside = NodeLab.connect(lab.outside, NodeLab.NODE, 30080)) {
      String insideAnswer = inside.ask();
      String outsideAnswer = outside.ask();
      services.close();
      assertThat(inside.ask()).isEqualTo(insideAnswer);
      assertThat(NodeLab.ask(client, VIP, 80)).as("new ones, without an agent").isNotNull();
      services = NodeServices.open(CONFIG, lab.node);
      assertThat(inside.ask()).isEqualTo(insideAnswer);
      setWeb();
      assertThat(inside.ask()).isEqualTo(insideAnswer);
      assertThat(outside.ask()).isEqualTo(outsideAnswer);
      assertThat(askMany(client, VIP, 80)).hasSize(2);
    }
  }

  /// The table as `nft` shows it; run with `-Dtest.jvm.extra=-Dgolden.update=true` to write the
  /// file anew.
  @Test
  void theWholeTableIsAsWrittenDown() throws Exception {
    Service web =
        new ServiceBuilder(port(service("web", VIP), null, "TCP", 80, 30080).build())
            .editSpec()
            .withSessionAffinity("ClientIP")
            .endSpec()
            .build();
    Service dns = service("dns", "10.32.0.6", "UDP", 53);
    EndpointSlice ofDns = slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"));
    services.set(List.of(web, dns), List.of(both("web"), ofDns));
    String listed =
        lab.inNode("nft", "-nn", "list", "table", "ip", "fairway-services").replace("\t", "  ");
    Path golden = Path.of("src/test/resources/golden/services.nft");
    if (Boolean.getBoolean("golden.update")) {
      Files.createDirectories(golden.getParent());
      Files.writeString(golden, listed);
    }
    // Elements come in the order of a hash with a new seed each time.
    assertThat(words(listed)).isEqualTo(words(Files.readString(golden)));
  }

  private static List<String> words(String text) {
    return Pattern.compile("[\\s,]+").splitAsStream(text).sorted().toList();
  }

  @Test
  void aTableThatSomebodyBrokeHeals() throws Exception {
    setWeb();
    String whole = lab.inNode("nft", "list", "table", "ip", "fairway-services");
    assertThat(lab.inNode("nft", "delete", "table", "ip", "fairway-services")).isEmpty();
    services.check();
    assertThat(askMany(client, VIP, 80)).hasSize(2);
    assertThat(lab.inNode("nft", "flush", "chain", "ip", "fairway-services", "cluster-2"))
        .isEmpty();
    // The next change finds out, too.
    services.set(List.of(service("web", VIP, "TCP", 80)), List.of(both("web")));
    assertThat(askMany(client, VIP, 80)).hasSize(2);
    setWeb();
    assertThat(lab.inNode("nft", "list", "table", "ip", "fairway-services").lines().sorted())
        .containsExactlyElementsOf(whole.lines().sorted().toList());
  }

  @Test
  void endpointsComeAndGoAmongTenThousandServices() throws Exception {
    List<Service> many = new ArrayList<>();
    List<EndpointSlice> slices = new ArrayList<>();
    IpAddress first = IpAddress.parse("10.32.1.0");
    IpAddress pods = IpAddress.parse("10.201.0.0");
    for (int i = 0; i < 10_000; i++) {
      many.add(service("s" + i, first.plus(i).toString(), "TCP", 80));
      slices.add(
          slice(
              "s" + i,
              "TCP",
              8080,
              ready("worker-1", pods.plus(i * 3L).toString()),
              ready("worker-1", pods.plus(i * 3L + 1).toString()),
              ready("worker-1", pods.plus(i * 3L + 2).toString())));
    }
    Service web = service("web", VIP, "TCP", 80);
    EndpointSlice both = both("web");
    many.add(web);
    slices.add(both);
    services.set(many, slices);
    assertThat(services.rules(IpFamily.IPV4).orElseThrow().targets()).hasSize(10_001);
    assertThat(askMany(client, VIP, 80)).hasSize(2);
    EndpointSlice only = slice("web", "TCP", 8080, ready("worker-1", "10.200.0.3"));
    services.change(web, both, only);
    assertThat(askMany(client, VIP, 80)).containsExactly("two 10.200.0.4");
    services.change(web, only, both);
    assertThat(askMany(client, VIP, 80)).hasSize(2);
    services.close();
    NodeServices.uninstall(lab.node);
    assertThat(lab.inNode("nft", "list", "ruleset")).isEmpty();
    NodeServices.uninstall(lab.node);
  }

  @Test
  void whatIsServedHereOtherwiseIsLeftAlone() throws Exception {
    Service dns = port(service("dns", "10.32.0.10"), null, "TCP", 53, 30053).build();
    services.set(List.of(dns), List.of(both("dns")));
    assertThat(lab.inNode("nft", "list", "table", "ip", "fairway-services"))
        .doesNotContain("10.32.0.10");
  }

  private static Service sticky(int seconds) {
    return new ServiceBuilder(service("web", VIP, "TCP", 80))
        .editSpec()
        .withSessionAffinity("ClientIP")
        .withNewSessionAffinityConfig()
        .withNewClientIP()
        .withTimeoutSeconds(seconds)
        .endClientIP()
        .endSessionAffinityConfig()
        .endSpec()
        .build();
  }

  @Test
  void aClientKeepsItsEndpointWhileThatCounts() throws Exception {
    Service web = sticky(3600);
    EndpointSlice both = both("web");
    services.set(List.of(web), List.of(both));
    Set<String> first = askMany(client, VIP, 80);
    assertThat(first).hasSize(1);
    boolean one = first.iterator().next().startsWith("one");
    EndpointSlice other =
        slice("web", "TCP", 8080, ready("worker-0", one ? "10.200.0.3" : "10.200.0.2"));
    services.change(web, both, other);
    assertThat(askMany(client, VIP, 80)).hasSize(1).isNotEqualTo(first);
    services.change(web, other, both);
    assertThat(askMany(client, VIP, 80)).as("it keeps the new one").isNotEqualTo(first);
  }

  /// Its entry runs out while nobody asks.
  @Test
  void aClientThatWasSilentForLongEnoughGetsAnyEndpoint() throws Exception {
    services.set(List.of(sticky(1)), List.of(both("web")));
    long deadline = System.nanoTime() + 60_000_000_000L;
    Set<String> seen = new HashSet<>();
    while (seen.size() < 2) {
      seen.add(NodeLab.ask(client, VIP, 80));
      while (lab.inNode("nft", "list", "map", "ip", "fairway-services", "clients")
          .contains("10.200.0.4")) {
        assertThat(System.nanoTime()).isLessThan(deadline);
      }
    }
  }

  @Test
  void loadBalancersAreToldWhetherThisNodeHasEndpoints() throws Exception {
    Service web =
        new ServiceBuilder(service("web", VIP, "TCP", 80))
            .editSpec()
            .withType("LoadBalancer")
            .withExternalTrafficPolicy("Local")
            .withHealthCheckNodePort(32100)
            .endSpec()
            .build();
    EndpointSlice both = both("web");
    services.set(List.of(web), List.of(both));
    String url = "http://" + NodeLab.NODE + ":32100/";
    assertThat(lab.inNode("curl", "-s", "-w", "%{http_code}", url))
        .isEqualTo(
            """
            {"service":{"namespace":"default","name":"web"},"localEndpoints":1,\
            "serviceProxyHealthy":true}
            200\
            """);
    services.change(web, both, slice("web", "TCP", 8080, ready("worker-1", "10.200.0.3")));
    assertThat(lab.inNode("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url))
        .isEqualTo("503");
    services.set(List.of(), List.of());
    assertThat(lab.inNode("curl", "-s", url)).as("refused").startsWith("7: ");
  }

  @Test
  void datagramsFollowAPolicyThatChangesAndEndpointsThatCome() throws Exception {
    Service dns = port(service("dns", VIP), null, "UDP", 53, 30053).build();
    Service local =
        new ServiceBuilder(dns).editSpec().withExternalTrafficPolicy("Local").endSpec().build();
    EndpointSlice none = slice("dns", "UDP", 5353);
    EndpointSlice away = slice("dns", "UDP", 5353, ready("worker-1", "10.200.0.3"));
    EndpointSlice here =
        slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"), ready("worker-1", "10.200.0.3"));
    services.set(List.of(dns), List.of(none));
    try (DatagramChannel socket = NodeLab.connectUdp(lab.outside, NodeLab.NODE, 30053)) {
      assertThat(NodeLab.askUdp(socket)).isEqualTo("refused");
      services.change(dns, none, away);
      assertThat(NodeLab.askUdp(socket)).isEqualTo("two " + NodeLab.NODE);
      services.change(local, away, here);
      assertThat(NodeLab.askUdp(socket)).isEqualTo("one " + NodeLab.OUTSIDE);
      services.change(local, here, none);
      assertThat(NodeLab.askUdp(socket)).isEqualTo("refused");
    }
  }

  @Test
  void theDatapathChangesUnderConnectionsAndNothingOfTheOldOneStays() throws Exception {
    setWeb();
    try (NodeLab.Conversation inside = NodeLab.connect(client, VIP, 80);
        NodeLab.Conversation outside = NodeLab.connect(lab.outside, NodeLab.NODE, 30080)) {
      String insideAnswer = inside.ask();
      String outsideAnswer = outside.ask();
      for (ServicesConfig.Datapath datapath :
          List.of(ServicesConfig.Datapath.IPTABLES, ServicesConfig.Datapath.NFTABLES)) {
        services.use(datapath);
        assertThat(inside.ask()).as("after a change to %s", datapath).isEqualTo(insideAnswer);
        assertThat(outside.ask()).isEqualTo(outsideAnswer);
        assertThat(askMany(client, VIP, 80)).hasSize(2);
        boolean nft = datapath == ServicesConfig.Datapath.NFTABLES;
        String tables = lab.inNode("nft", "list", "tables");
        assertThat(tables.contains("fairway-services")).isEqualTo(nft);
        assertThat(tables.contains("table ip nat")).as(tables).isEqualTo(!nft);
        assertThat(lab.inNode("iptables-save").contains("KUBE-")).isEqualTo(!nft);
      }
    }
  }

  @Test
  void iptablesOfOthersAreLeftAloneAndOursHeal() throws Exception {
    assertThat(lab.inNode("iptables", "-A", "FORWARD", "-s", "198.51.100.1", "-j", "DROP"))
        .isEmpty();
    services.use(ServicesConfig.Datapath.IPTABLES);
    setWeb();
    String whole = lab.inNode("iptables-save", "-t", "nat");
    assertThat(lab.inNode("iptables", "-t", "nat", "-F", "KUBE-SERVICES")).isEmpty();
    services.check();
    assertThat(askMany(client, VIP, 80)).hasSize(2);
    assertThat(
            lab.inNode("iptables-save", "-t", "nat").lines().filter(line -> line.charAt(0) == '-'))
        .containsExactlyInAnyOrderElementsOf(
            whole.lines().filter(line -> line.charAt(0) == '-').toList());
    services.close();
    NodeServices.uninstall(lab.node);
    assertThat(lab.inNode("iptables-save")).doesNotContain("KUBE-").contains("198.51.100.1");
    // What is left behind by an agent of the other kind goes, too.
    services = NodeServices.open(CONFIG.withDatapath(ServicesConfig.Datapath.IPTABLES), lab.node);
    setWeb();
    services.close();
    services = NodeServices.open(CONFIG, lab.node);
    setWeb();
    assertThat(lab.inNode("iptables-save")).doesNotContain("KUBE-");
  }

  @Test
  void aClientKeepsItsEndpointOverARestartAndARepair() throws Exception {
    Service web =
        new ServiceBuilder(service("web", VIP, "TCP", 80))
            .editSpec()
            .withSessionAffinity("ClientIP")
            .withClusterIPs(VIP, "fd00:32::5")
            .endSpec()
            .build();
    EndpointSlice six =
        slice(
            "web", "TCP", 8080, ready("worker-0", "fd00:200::2"), ready("worker-1", "fd00:200::3"));
    six.getMetadata().setName("web-six");
    List<EndpointSlice> slices = List.of(both("web"), six);
    services.set(List.of(web), slices);
    Set<String> four = askMany(client, VIP, 80);
    Set<String> answersBySix = askMany(client, "fd00:32::5", 80);
    assertThat(four).hasSize(1);
    assertThat(answersBySix).hasSize(1);
    for (int restart = 0; restart < 4; restart++) {
      services.close();
      services = NodeServices.open(CONFIG, lab.node);
      services.set(List.of(web), slices);
      assertThat(lab.inNode("nft", "add", "table", "ip", "other" + restart)).isEmpty();
      services.check();
      assertThat(askMany(client, VIP, 80)).isEqualTo(four);
      assertThat(askMany(client, "fd00:32::5", 80)).isEqualTo(answersBySix);
    }
    assertThat(lab.inNode("nft", "list", "map", "ip", "fairway-services", "clients"))
        .contains("timeout 3h", "10.200.0.4 . " + VIP);
  }
}
