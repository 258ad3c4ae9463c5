// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.linux.bpf.CgroupHook;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
import dev.fairway.traffic.ebpf.BrokenMaps;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.nio.channels.DatagramChannel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// The agent or a part of its rules is taken away, under load.
@ParameterizedClass
@EnumSource
class ServicesFaultTest {
  private static final String VIP = "10.32.0.5";
  private static final String NAMES = "10.32.0.6";
  private static final Service WEB = port(service("web", VIP), null, "TCP", 80, 30080).build();
  private static final Service DNS = port(service("dns", NAMES), null, "UDP", 53, 30053).build();
  private static final EndpointSlice ONE =
      slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"));
  private static final EndpointSlice TWO =
      slice("dns", "UDP", 5353, ready("worker-1", "10.200.0.3"));
  private static final EndpointSlice BOTH =
      slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"), ready("worker-1", "10.200.0.3"));
  private static final EndpointSlice NONE = slice("dns", "UDP", 5353);
  private static final EndpointSlice OF_WEB =
      slice("web", "TCP", 8080, ready("worker-0", "10.200.0.2"), ready("worker-1", "10.200.0.3"));

  @Parameter private Datapath datapath = Datapath.NFTABLES;

  private final NodeLab lab = new NodeLab();
  private final ClientGroup group = new ClientGroup();
  private final NetworkNamespace client = lab.pod("client", 4);
  private NodeServices services;

  ServicesFaultTest() throws IOException {
    lab.pod("one", 2);
    lab.pod("two", 3);
  }

  @BeforeEach
  void serve() throws Exception {
    for (String name : List.of("one", "two")) {
      lab.serveTcp(name, 8080);
      lab.serveUdp(name, 5353);
    }
    group.inside(datapath == Datapath.EBPF);
    services = open();
    services.set(List.of(WEB, DNS), List.of(OF_WEB, BOTH));
  }

  private NodeServices open() {
    return NodeServices.open(NodeLab.config(datapath, group), lab.node);
  }

  @AfterEach
  void close() throws Exception {
    services.close();
    group.close();
    lab.close();
  }

  @Test
  void withoutAnAgentAndThroughRestartsNoRequestFails() throws Exception {
    Load inside = Load.begin(client, VIP, 80, 500);
    Load outside = Load.begin(lab.outside, NodeLab.NODE, 30080, 500);
    try (inside;
        outside;
        DatagramChannel flow = outsideFlow()) {
      String answer = NodeLab.askUdp(flow);
      for (int restart = 0; restart < 3; restart++) {
        inside.awaitAnswers(50);
        services.close();
        inside.awaitAnswers(50);
        outside.awaitAnswers(50);
        services = open();
        inside.awaitAnswers(50);
        String before = flows();
        services.set(List.of(WEB, DNS), List.of(OF_WEB, BOTH));
        assertThat(before).as("flows are not forgotten by a restart").isEqualTo(flows());
        assertThat(NodeLab.askUdp(flow)).isEqualTo(answer);
      }
    }
    assertThat(inside.failures()).isEmpty();
    assertThat(outside.failures()).isEmpty();
  }

  private DatagramChannel outsideFlow() throws IOException {
    group.inside(false);
    try {
      return NodeLab.connectUdp(lab.outside, NodeLab.NODE, 30053);
    } finally {
      group.inside(datapath == Datapath.EBPF);
    }
  }

  private String rules() throws Exception {
    return lab.inNode("sh", "-c", "nft list ruleset; iptables-save");
  }

  /// UDP flows as conntrack knows them, without what counts down.
  private String flows() throws Exception {
    return lab.inNode("sh", "-c", "conntrack -L -p udp 2>/dev/null | sed 's/^udp *17 [0-9]* //'");
  }

  @Test
  void whatChangedWhileNoAgentWasThereIsTakenAway() throws Exception {
    try (DatagramChannel flow = outsideFlow()) {
      services.set(List.of(WEB, DNS), List.of(OF_WEB, ONE));
      assertThat(NodeLab.askUdp(flow)).startsWith("one");
      services.close();
      services = open();
      services.set(List.of(DNS), List.of(TWO));
      assertThat(NodeLab.askUdp(flow)).startsWith("two");
      services.close();
      services = open();
      services.set(List.of(), List.of());
      // Chains of iptables stay for a while yet, for packets on their way.
      long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      String there = rules();
      while (there.contains("KUBE-SEP-") && System.nanoTime() < deadline) {
        services.check();
        LockSupport.parkNanos(100_000_000);
        there = rules();
      }
      assertThat(there).doesNotContain(VIP, NAMES, "10.200.0.2", "10.200.0.3", "30080", "30053");
      assertThat(flows()).doesNotContain("dport=30053");
    }
  }

  @Test
  void datagramsFollowEveryChange() throws Exception {
    Service local =
        new ServiceBuilder(DNS).editSpec().withExternalTrafficPolicy("Local").endSpec().build();
    try (DatagramChannel flow = outsideFlow()) {
      services.change(DNS, BOTH, ONE);
      assertThat(NodeLab.askUdp(flow)).isEqualTo("one " + NodeLab.NODE);
      services.change(DNS, ONE, TWO);
      assertThat(NodeLab.askUdp(flow)).isEqualTo("two " + NodeLab.NODE);
      services.change(local, TWO, BOTH);
      assertThat(NodeLab.askUdp(flow)).isEqualTo("one " + NodeLab.OUTSIDE);
      services.change(DNS, BOTH, NONE);
      assertThat(NodeLab.askUdp(flow)).isEqualTo("refused");
      services.change(DNS, NONE, TWO);
      assertThat(NodeLab.askUdp(flow)).isEqualTo("two " + NodeLab.NODE);
      String before = flows();
      services.change(DNS, TWO, BOTH);
      assertThat(flows()).as("more endpoints are no reason to move").isEqualTo(before);
      services.set(List.of(WEB), List.of(OF_WEB));
      assertThat(flows()).as("the Service is gone").doesNotContain("dport=30053");
      assertThat(NodeLab.askUdp(flow)).doesNotContain("one", "two");
    }
  }

  /// Breaks something, in words that say what is found.
  private record Damage(String found, String command) {}

  private List<Damage> damages() {
    return switch (datapath) {
      case NFTABLES, EBPF ->
          List.of(
              new Damage("table ip fairway-services is gone", "delete table ip fairway-services"),
              new Damage(
                  "chain cluster-2 of table ip fairway-services has 0 rules, not",
                  "flush chain ip fairway-services cluster-2"),
              new Damage(
                  "1 elements are missing in services of table ip fairway-services",
                  "delete element ip fairway-services services { 10.32.0.5 . tcp . 80 }"),
              new Damage(
                  "1 elements are changed in endpoints",
                  "delete element ip fairway-services endpoints { 10.32.0.5 . tcp . 80 . 0 }; add"
                      + " element ip fairway-services endpoints { 10.32.0.5 . tcp . 80 . 0 :"
                      + " 10.200.0.99 . 8080 }"),
              new Damage(
                  "1 elements are somebody else's in services",
                  "add element ip fairway-services services { 10.32.0.7 . tcp . 80 : drop }"),
              new Damage(
                  "chain prerouting of table ip fairway-services has 4 rules, not 3",
                  "insert rule ip fairway-services prerouting tcp dport 80 drop"));
      case IPTABLES ->
          List.of(
              new Damage(
                  "chain KUBE-SERVICES of table nat is gone",
                  "-F PREROUTING; -F OUTPUT; -F KUBE-SERVICES; -X KUBE-SERVICES"),
              new Damage("of table nat is gone", "-F KUBE-SERVICES"),
              new Damage("-j KUBE-SERVICES\" of table nat is gone", "-F PREROUTING"),
              new Damage("is somebody else's", "-I KUBE-SERVICES -p tcp -j ACCEPT"));
    };
  }

  @Test
  void whatSomebodyBreaksHealsAndIsSaid() throws Exception {
    try (NodeLab.Conversation open = NodeLab.connect(client, VIP, 80)) {
      String answer = open.ask();
      for (Damage damage : damages()) {
        try (Said said = new Said()) {
          breakBy(damage.command());
          assertThat(open.ask()).as("what is open goes on").isEqualTo(answer);
          await(said, damage.found());
        }
        assertThat(NodeLab.ask(client, VIP, 80)).isNotNull();
        assertThat(NodeLab.ask(lab.outside, NodeLab.NODE, 30080)).isNotNull();
        assertThat(open.ask()).isEqualTo(answer);
      }
    }
  }

  private void breakBy(String commands) throws Exception {
    if (datapath != Datapath.IPTABLES) {
      assertThat(lab.inNode("nft", commands)).isEmpty();
      return;
    }
    for (String command : commands.split("; ")) {
      assertThat(lab.inNode("sh", "-c", "iptables -t nat " + command)).isEmpty();
    }
  }

  private void await(Said said, String words) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!said.text().contains(words) || !said.text().contains("loaded the rules of")) {
      assertThat(System.nanoTime()).as(said.text()).isLessThan(deadline);
      services.check();
      LockSupport.parkNanos(1_000_000);
    }
    assertThat(said.text()).contains("somebody changed the Service rules: ");
  }

  @Test
  void whatIsMissingAtSocketsHealsAndNobodyNotices() throws Exception {
    if (datapath != Datapath.EBPF) {
      return;
    }
    Load inside = Load.begin(client, VIP, 80, 500);
    try (inside;
        Said said = new Said()) {
      new CgroupHook(group.path).clear("fw_svc_connect4", BpfProgram.Kind.CGROUP_CONNECT_IPV4);
      await(said, "of 8 programs of control group " + group.path + " only 7 are there");
      inside.awaitAnswers(50);
    }
    try (Said said = new Said()) {
      BrokenMaps.forget(group.path, new Front(IpAddress.parse(VIP), Protocol.TCP, 80), 4096);
      assertThat(NodeLab.ask(client, VIP, 80)).as("as a packet").isNotNull();
      await(said, "1 Service ports are missing or changed in map fw_fronts");
    }
    assertThat(inside.failures()).isEmpty();
  }

  @Test
  void whatOthersChangeIsNoReasonToSayAnything() throws Exception {
    try (Said said = new Said()) {
      for (int i = 0; i < 5; i++) {
        assertThat(lab.inNode("nft", "add", "table", "ip", "others" + i)).isEmpty();
        services.check();
      }
      assertThat(said.text()).isEmpty();
    }
  }
}
