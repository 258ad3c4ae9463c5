// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.ready;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.bpf.BpfProgram;
import dev.fairway.linux.bpf.CgroupHook;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.traffic.rules.ServicesConfig;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Sockets of processes in a control group, beside others that are in none.
class EbpfServicesTest {
  private static final String VIP = "10.32.0.5";
  private static final List<BpfProgram.Kind> KINDS =
      List.of(
          BpfProgram.Kind.CGROUP_CONNECT_IPV4,
          BpfProgram.Kind.CGROUP_CONNECT_IPV6,
          BpfProgram.Kind.CGROUP_SEND_IPV4,
          BpfProgram.Kind.CGROUP_SEND_IPV6,
          BpfProgram.Kind.CGROUP_RECEIVE_IPV4,
          BpfProgram.Kind.CGROUP_RECEIVE_IPV6,
          BpfProgram.Kind.CGROUP_PEER_NAME_IPV4,
          BpfProgram.Kind.CGROUP_PEER_NAME_IPV6);

  private final NodeLab lab = new NodeLab();
  private final ClientGroup group = new ClientGroup();
  private final NetworkNamespace client = lab.pod("client", 4);
  private final NetworkNamespace one = lab.pod("one", 2);
  private final ServicesConfig config =
      ServicesConfig.of(
              "worker-0",
              List.of(IpAddress.parse(NodeLab.NODE)),
              List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:200::/64")))
          .withDatapath(Datapath.EBPF)
          .withCgroup(group.path);
  private NodeServices services = NodeServices.open(config, lab.node);

  EbpfServicesTest() throws IOException {}

  @BeforeEach
  void serve() throws Exception {
    lab.pod("two", 3);
    for (String name : List.of("one", "two")) {
      lab.serveTcp(name, 8080);
      lab.serveUdp(name, 5353);
    }
    group.inside(true);
  }

  @AfterEach
  void close() throws Exception {
    services.close();
    group.close();
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

  private Set<String> ask(boolean inside, NetworkNamespace from, String address, int port)
      throws Exception {
    group.inside(inside);
    try {
      Set<String> answers = new HashSet<>();
      for (int i = 0; i < 40; i++) {
        answers.add(NodeLab.ask(from, address, port));
      }
      return answers;
    } finally {
      group.inside(true);
    }
  }

  @Test
  void socketsGoToEndpointsAndOthersAsPackets() throws Exception {
    setWeb();
    String[] asPod = {"one 10.200.0.4", "two 10.200.0.4"};
    String[] asNode = {"one " + NodeLab.NODE, "two " + NodeLab.NODE};
    assertThat(ask(true, client, VIP, 80)).containsExactlyInAnyOrder(asPod);
    assertThat(ask(true, client, NodeLab.NODE, 30080)).containsExactlyInAnyOrder(asPod);
    assertThat(ask(true, lab.node, VIP, 80)).containsExactlyInAnyOrder(asNode);
    assertThat(ask(true, lab.node, NodeLab.NODE, 30080)).containsExactlyInAnyOrder(asNode);
    assertThat(ask(false, client, VIP, 80)).containsExactlyInAnyOrder(asPod);
    assertThat(ask(false, client, NodeLab.NODE, 30080)).containsExactlyInAnyOrder(asNode);
    assertThat(ask(false, lab.outside, NodeLab.NODE, 30080)).containsExactlyInAnyOrder(asNode);
  }

  @Test
  void theServiceKeepsItsNameForWhoeverAsked() throws Exception {
    setWeb();
    String program =
        """
        use Socket;
        my ($to, $port) = @ARGV;
        socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
        connect($s, sockaddr_in($port, inet_aton($to))) or die $!;
        my ($peer, $address) = sockaddr_in(getpeername($s));
        syswrite($s, "who\\n");
        sysread($s, my $answer, 64);
        print inet_ntoa($address), ":$peer $answer";
        """;
    Process asked =
        client.start(
            new ProcessBuilder("perl", "-e", program, VIP, "80").redirectErrorStream(true));
    assertThat(new String(asked.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip())
        .isIn(VIP + ":80 one 10.200.0.4", VIP + ":80 two 10.200.0.4");
  }

  @Test
  void aPodReachesItselfThroughItsService() throws Exception {
    services.set(
        List.of(service("web", VIP, "TCP", 80)),
        List.of(slice("web", "TCP", 8080, ready("worker-0", "10.200.0.2"))));
    assertThat(NodeLab.ask(one, VIP, 80)).isEqualTo("one 10.200.0.2");
  }

  @Test
  void whatNobodyServesIsRefusedAtOnce() throws Exception {
    services.set(List.of(service("empty", VIP, "TCP", 80)), List.of());
    for (NetworkNamespace from : List.of(client, lab.node)) {
      assertThatThrownBy(() -> NodeLab.ask(from, VIP, 80))
          .isInstanceOf(ConnectException.class)
          .hasMessageContaining("refused");
      assertThat(NodeLab.askUdp(from, VIP, 53)).isEqualTo("refused");
    }
  }

  @Test
  void datagramsComeBackFromWhereTheyWereSent() throws Exception {
    Service dns = service("dns", VIP, "UDP", 53);
    EndpointSlice ofBoth =
        slice("dns", "UDP", 5353, ready("worker-0", "10.200.0.2"), ready("worker-1", "10.200.0.3"));
    services.set(List.of(dns), List.of(ofBoth));
    assertThat(NodeLab.askUdp(client, VIP, 53)).endsWith(" 10.200.0.4");
    assertThat(NodeLab.askUdp(lab.node, VIP, 53)).endsWith(" " + NodeLab.NODE);
    Set<String> answers = new HashSet<>();
    for (int socket = 0; socket < 20; socket++) {
      try (DatagramChannel channel = unconnected(socket % 2 == 0)) {
        String first = exchange(channel);
        answers.add(first);
        assertThat(exchange(channel)).as("a socket keeps its endpoint").isEqualTo(first);
      }
    }
    assertThat(answers).hasSize(2);
    try (DatagramChannel channel = unconnected(true)) {
      boolean wasOne = exchange(channel).startsWith("one");
      EndpointSlice other =
          slice("dns", "UDP", 5353, ready("worker-0", wasOne ? "10.200.0.3" : "10.200.0.2"));
      services.change(dns, ofBoth, other);
      assertThat(exchange(channel)).startsWith(wasOne ? "two" : "one");
    }
  }

  private DatagramChannel unconnected(boolean ofIpv4) throws IOException {
    return client.call(
        () -> ofIpv4 ? DatagramChannel.open(StandardProtocolFamily.INET) : DatagramChannel.open());
  }

  private static String exchange(DatagramChannel channel) throws IOException {
    InetSocketAddress service = new InetSocketAddress(VIP, 53);
    channel.send(ByteBuffer.wrap(new byte[1]), service);
    ByteBuffer answer = ByteBuffer.allocate(64);
    channel.socket().setSoTimeout(30_000);
    var packet = new java.net.DatagramPacket(answer.array(), 64);
    channel.socket().receive(packet);
    assertThat(packet.getSocketAddress()).isEqualTo(service);
    return new String(answer.array(), 0, packet.getLength(), StandardCharsets.UTF_8).strip();
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
    Set<String> first = ask(true, client, VIP, 80);
    assertThat(first).hasSize(1);
    boolean wasOne = first.iterator().next().startsWith("one");
    EndpointSlice other =
        slice("web", "TCP", 8080, ready("worker-0", wasOne ? "10.200.0.3" : "10.200.0.2"));
    services.change(web, both, other);
    assertThat(ask(true, client, VIP, 80)).hasSize(1).isNotEqualTo(first);
    services.change(web, other, both);
    assertThat(ask(true, client, VIP, 80)).as("it keeps the new one").isNotEqualTo(first);
    services.close();
    services = NodeServices.open(config, lab.node);
    services.set(List.of(web), List.of(both));
    assertThat(ask(true, client, VIP, 80)).as("past the agent's end").isNotEqualTo(first);
  }

  @Test
  void aClientThatWasSilentForLongEnoughGetsAnyEndpoint() throws Exception {
    services.set(List.of(sticky(1)), List.of(both("web")));
    long deadline = System.nanoTime() + 60_000_000_000L;
    Set<String> seen = new HashSet<>();
    while (seen.size() < 2) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      seen.add(NodeLab.ask(client, VIP, 80));
      long silence = System.nanoTime() + 1_100_000_000L;
      while (System.nanoTime() < silence) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void theOtherFamily() throws Exception {
    Service web =
        new ServiceBuilder(port(service("web", VIP), null, "TCP", 80, 30080).build())
            .editSpec()
            .withClusterIPs(VIP, "fd00:32::5")
            .endSpec()
            .build();
    EndpointSlice six = slice("web", "TCP", 8080, ready("worker-0", "fd00:200::2"));
    six.getMetadata().setName("web-six");
    services.set(List.of(web), List.of(both("web"), six));
    assertThat(NodeLab.ask(client, "fd00:32::5", 80)).isEqualTo("one fd00:200:0:0:0:0:0:4");
    assertThat(NodeLab.ask(lab.node, "fd00:32::5", 80)).startsWith("one fd00:");
    group.inside(false);
    assertThat(NodeLab.ask(lab.outside, "fd00:32::5", 80)).isEqualTo("one fd00:240:0:0:0:0:0:20");
  }

  @Test
  void itGoesOnWithoutItsAgentAndWithTheNext() throws Exception {
    setWeb();
    try (NodeLab.Conversation inside = NodeLab.connect(client, VIP, 80)) {
      String answer = inside.ask();
      List<Integer> before = attached();
      services.close();
      assertThat(attached()).isEqualTo(before).hasSize(KINDS.size());
      assertThat(ask(true, client, NodeLab.NODE, 30080)).hasSize(2);
      services = NodeServices.open(config, lab.node);
      setWeb();
      assertThat(attached()).hasSize(KINDS.size()).doesNotContainAnyElementsOf(before);
      assertThat(inside.ask()).isEqualTo(answer);
      assertThat(ask(true, client, NodeLab.NODE, 30080))
          .containsOnly("one 10.200.0.4", "two 10.200.0.4");
    }
  }

  @Test
  void whatSomebodyDetachedComesBack() throws Exception {
    setWeb();
    new CgroupHook(group.path).clear("fw_svc_connect6", BpfProgram.Kind.CGROUP_CONNECT_IPV6);
    services.check();
    assertThat(attached()).hasSize(KINDS.size());
    assertThat(ask(true, client, NodeLab.NODE, 30080)).contains("one 10.200.0.4");
  }

  @Test
  void theDatapathChangesUnderConnectionsAndNothingStays() throws Exception {
    setWeb();
    try (NodeLab.Conversation inside = NodeLab.connect(client, VIP, 80)) {
      String answer = inside.ask();
      for (Datapath datapath :
          List.of(
              Datapath.NFTABLES,
              Datapath.EBPF,
              Datapath.IPTABLES,
              Datapath.EBPF,
              Datapath.NFTABLES)) {
        services.use(datapath);
        assertThat(inside.ask()).isEqualTo(answer);
        assertThat(ask(true, client, VIP, 80)).as("by %s", datapath).hasSize(2);
        assertThat(ask(false, lab.outside, NodeLab.NODE, 30080)).hasSize(2);
        assertThat(attached()).hasSize(datapath == Datapath.EBPF ? KINDS.size() : 0);
        assertThat(lab.inNode("nft", "list", "tables").contains("fairway-services"))
            .isEqualTo(datapath != Datapath.IPTABLES);
      }
    }
    services.use(Datapath.EBPF);
    services.close();
    NodeServices.uninstall(lab.node, group.path);
    assertThat(attached()).isEmpty();
    assertThat(lab.inNode("nft", "list", "ruleset")).doesNotContain("fairway");
  }

  @Test
  void withoutAControlGroupPacketsAreAllThereIs() throws Exception {
    services.close();
    services = NodeServices.open(config.withCgroup(group.path.resolve("none")), lab.node);
    setWeb();
    services.check();
    assertThat(ask(true, client, VIP, 80)).hasSize(2);
    assertThat(attached()).isEmpty();
  }

  @Test
  void thereIsRoomForMore() throws Exception {
    List<Service> many = new ArrayList<>();
    List<EndpointSlice> slices = new ArrayList<>();
    IpAddress first = IpAddress.parse("10.32.1.0");
    for (int i = 0; i < 5000; i++) {
      many.add(service("s" + i, first.plus(i).toString(), "TCP", 80));
      slices.add(slice("s" + i, "TCP", 8080, ready("worker-1", "10.200.0.3")));
    }
    setWeb();
    services.change(many.get(0), slices.get(0), slices.get(0));
    for (int i = 1; i < many.size(); i++) {
      services.change(many.get(i), slices.get(i), slices.get(i));
    }
    assertThat(NodeLab.ask(client, first.plus(4999).toString(), 80)).isEqualTo("two 10.200.0.4");
    assertThat(ask(true, client, NodeLab.NODE, 30080)).contains("one 10.200.0.4");
  }

  private List<Integer> attached() {
    CgroupHook hook = new CgroupHook(group.path);
    List<Integer> ids = new ArrayList<>();
    List<String> names =
        List.of(
            "fw_svc_connect4",
            "fw_svc_connect6",
            "fw_svc_send4",
            "fw_svc_send6",
            "fw_svc_recv4",
            "fw_svc_recv6",
            "fw_svc_name4",
            "fw_svc_name6");
    for (int i = 0; i < KINDS.size(); i++) {
      hook.find(names.get(i), KINDS.get(i))
          .ifPresent(program -> {
            try (program) {
              ids.add(program.id());
            }
          });
    }
    return ids;
  }
}
