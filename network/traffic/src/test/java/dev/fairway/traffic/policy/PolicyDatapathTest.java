// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import static dev.fairway.traffic.policy.Objects.namespace;
import static dev.fairway.traffic.policy.Objects.policy;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.Conntrack;
import dev.fairway.linux.PacketSocket;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.policy.Probes.Probe;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Live connections and faults, in the real kernel.
class PolicyDatapathTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final String DENY = "podSelector: {matchLabels: {pod: a}}";
  private static final String ALLOW_B =
      "podSelector: {matchLabels: {pod: a}}\n"
          + "ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]";

  private final PolicyLab lab = new PolicyLab();
  private final List<Namespace> namespaces = List.of(namespace("x"));
  private PolicyDatapath datapath = open();

  PolicyDatapathTest() {
    lab.add("x", "a");
    lab.add("x", "b");
    lab.add("x", "c");
  }

  private PolicyDatapath open() {
    return PolicyDatapath.open(new PolicyConfig(PolicyLab.NODE, List.of()), lab.node);
  }

  @AfterEach
  void close() {
    datapath.close();
    lab.close();
  }

  private void set(NetworkPolicy... policies) {
    datapath.set(namespaces, lab.pods.values(), List.of(policies));
  }

  private long dropped() {
    return datapath.dropped().values().stream().mapToLong(Long::longValue).sum();
  }

  private Set<Probe> reach(String... pairs) throws IOException {
    List<Probe> probes = new ArrayList<>();
    for (String pair : pairs) {
      String[] ends = pair.split(">", 2);
      probes.add(new Probe(ends[0], ends[1], IpFamily.IPV4, Protocol.TCP, 80));
    }
    try (Probes all = new Probes(lab)) {
      for (String pod : lab.names()) {
        all.serve(pod, 80);
      }
      all.serve(PolicyLab.NODE, 80);
      long before = dropped();
      // Each is either answered or dropped.
      return all.ask(probes, through -> through.size() + dropped() - before >= probes.size());
    }
  }

  /// Two ends of one TCP connection, both in the test's hands.
  private record Pair(SocketChannel client, SocketChannel server) implements AutoCloseable {
    static Pair connect(PolicyLab lab, String from, String to) throws IOException {
      try (ServerSocketChannel listener = lab.sandbox(to).call(() -> ServerSocketChannel.open())) {
        listener.bind(new InetSocketAddress(7000));
        SocketChannel client = lab.sandbox(from).call(() -> SocketChannel.open());
        client
            .socket()
            .connect(
                new InetSocketAddress(lab.address(to, IpFamily.IPV4).toInetAddress(), 7000),
                30_000);
        return new Pair(client, listener.accept());
      }
    }

    Bypass.Begun begun() throws IOException {
      return new Bypass.Begun(
          address((InetSocketAddress) client.getLocalAddress()),
          address((InetSocketAddress) client.getRemoteAddress()));
    }

    private static TransportAddress address(InetSocketAddress socket) {
      return new TransportAddress(
          IpAddress.ofBytes(socket.getAddress().getAddress()), socket.getPort());
    }

    /// Whether a byte gets from one end to the other before the rules drop it.
    boolean carries(boolean fromClient, BooleanSupplier isDropped) throws IOException {
      SocketChannel from = fromClient ? client : server;
      SocketChannel to = fromClient ? server : client;
      from.socket().getOutputStream().write(1);
      to.socket().setSoTimeout(50);
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (System.nanoTime() < deadline) {
        try {
          return to.socket().getInputStream().read() == 1;
        } catch (SocketTimeoutException e) {
          if (isDropped.getAsBoolean()) {
            return false;
          }
        }
      }
      throw new AssertionError("neither there nor dropped");
    }

    @Override
    public void close() throws IOException {
      client.close();
      server.close();
    }
  }

  private BooleanSupplier moreDropped() {
    long before = dropped();
    return () -> dropped() > before;
  }

  @Test
  void anOpenConnectionIsCutWhenItIsDeniedAndOthersAreNot() throws Exception {
    set();
    try (Pair denied = Pair.connect(lab, "x/c", "x/a");
        Pair allowed = Pair.connect(lab, "x/b", "x/a");
        Pair outgoing = Pair.connect(lab, "x/a", "x/c")) {
      set(policy("x/allow-b", ALLOW_B));
      for (boolean fromClient : List.of(true, false)) {
        assertThat(allowed.carries(fromClient, moreDropped())).isTrue();
        assertThat(outgoing.carries(fromClient, moreDropped())).isTrue();
      }
      // First the server's side, which nothing restricts: the connection must not be taken up so.
      assertThat(denied.carries(false, moreDropped())).isFalse();
      assertThat(denied.carries(true, moreDropped())).isFalse();
      assertThat(denied.carries(false, moreDropped())).isFalse();
      set(policy("x/deny", DENY));
      assertThat(allowed.carries(true, moreDropped())).isFalse();
      assertThat(outgoing.carries(true, moreDropped())).isTrue();
      assertThat(datapath.dropped().get("to/x/a")).isPositive();
    }
  }

  /// As packets do that took the fast path before: nobody tracks them.
  @Test
  void connectionsBegunPastTheStackAreJudgedByWhoOpenedThem() throws Exception {
    set();
    for (boolean answerFirst : List.of(true, false)) {
      try (Pair denied = Pair.connect(lab, "x/c", "x/a");
          Pair allowed = Pair.connect(lab, "x/b", "x/a");
          Conntrack conntrack = Conntrack.open(lab.node)) {
        List<Bypass.Begun> begun = List.of(denied.begun(), allowed.begun());
        conntrack.deleteIf(IpFamily.IPV4, flow -> true);
        List<Set<IpAddress>> kept = new ArrayList<>();
        datapath.keepOff(
            new Bypass() {
              @Override
              public void keepOff(Set<IpAddress> addresses) {
                kept.add(Set.copyOf(addresses));
              }

              @Override
              public List<Begun> begun() {
                return begun;
              }
            });
        if (answerFirst) {
          // The stack takes one up the wrong way round before the policy is there.
          assertThat(denied.carries(false, () -> false)).isTrue();
        }
        set(policy("x/allow-b", ALLOW_B));
        assertThat(kept.getLast()).contains(lab.address("x/a", IpFamily.IPV4));
        assertThat(allowed.carries(!answerFirst, moreDropped())).isTrue();
        assertThat(allowed.carries(answerFirst, moreDropped())).isTrue();
        assertThat(denied.carries(!answerFirst, moreDropped())).isFalse();
        assertThat(denied.carries(answerFirst, moreDropped())).isFalse();
        set();
        assertThat(kept.getLast()).isEmpty();
        datapath.keepOff(Bypass.NONE);
      }
    }
  }

  @Test
  void whatTheStackTookUpAtAnAnswerIsSetRight() throws Exception {
    set();
    try (Pair allowed = Pair.connect(lab, "x/b", "x/a");
        Conntrack conntrack = Conntrack.open(lab.node)) {
      Bypass.Begun begun = allowed.begun();
      conntrack.deleteIf(IpFamily.IPV4, flow -> true);
      datapath.keepOff(
          new Bypass() {
            @Override
            public void keepOff(Set<IpAddress> addresses) {}

            @Override
            public List<Begun> begun() {
              return List.of(begun);
            }
          });
      assertThat(allowed.carries(false, () -> false)).isTrue();
      assertThat(conntrack.flows(IpFamily.IPV4))
          .extracting(Conntrack.Flow::client)
          .contains(begun.server());
      set(policy("x/allow-b", ALLOW_B));
      assertThat(conntrack.flows(IpFamily.IPV4))
          .extracting(Conntrack.Flow::client)
          .contains(begun.client())
          .doesNotContain(begun.server());
      // A later cut does not know of it any more.
      set(policy("x/allow-b", ALLOW_B), policy("x/c", "podSelector: {matchLabels: {pod: c}}"));
      assertThat(allowed.carries(true, moreDropped())).isTrue();
      assertThat(allowed.carries(false, moreDropped())).isTrue();
    }
  }

  @Test
  void whatAnEarlierOwnerOfAnAddressHadOpenIsCutWhenThePodComes() throws Exception {
    datapath.close();
    datapath = open();
    set(policy("x/new", "podSelector: {matchLabels: {pod: new}}"));
    try (Pair earlier = Pair.connect(lab, "x/c", "x/a");
        Conntrack conntrack = Conntrack.open(lab.node)) {
      TransportAddress client = earlier.begun().client();
      Pod next = Objects.pod("x", "new", PolicyLab.NODE, 99);
      next.setStatus(null);
      datapath.change(next);
      String uid = next.getMetadata().getUid();
      long start = System.nanoTime();
      List<IpAddress> addresses = List.of(lab.address("x/a", IpFamily.IPV4));
      assertThat(datapath.admit("x", "new", uid, addresses)).isTrue();
      while (conntrack.flows(IpFamily.IPV4).stream().anyMatch(one -> one.client().equals(client))) {
        assertThat(System.nanoTime() - start).isLessThan(PATIENCE.toNanos());
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void anAgentThatBeginsKnowsWhoIsConnected() throws Exception {
    Pod silent = Objects.pod("x", "a", PolicyLab.NODE, 2);
    silent.setStatus(null);
    IpAddress address = lab.address("x/a", IpFamily.IPV4);
    datapath.connected("x", "a", silent.getMetadata().getUid(), List.of(address));
    datapath.set(namespaces, List.of(silent), List.of(policy("x/deny", DENY)));
    assertThat(datapath.rules().pods()).containsKey(address);
    // With an address more, and one less, of the same chains.
    IpAddress second = IpAddress.parse("10.200.0.66");
    String uid = silent.getMetadata().getUid();
    assertThat(datapath.admit("x", "a", uid, List.of(second))).isTrue();
    assertThat(lab.inNode("nft", "list", "map", "ip", "fairway-policy", "to"))
        .contains(address.toString(), second.toString());
    datapath.leave("x", "a", List.of(second));
    datapath.change(silent);
    assertThat(lab.inNode("nft", "list", "map", "ip", "fairway-policy", "to"))
        .contains(address.toString())
        .doesNotContain(second.toString());
  }

  @Test
  void theNodeReachesItsPodsAndWhatPodsSendToItIsJudged() throws Exception {
    set(policy("x/all", "podSelector: {}\npolicyTypes: [Ingress, Egress]"));
    assertThat(reach("worker-0>x/a", "x/a>worker-0", "x/b>x/a", "x/a>x/a"))
        .extracting(Probe::toString)
        .containsExactly("worker-0 -> x/a TCP 80 IPV4", "x/a -> x/a TCP 80 IPV4");
    set(
        policy("x/all", "podSelector: {}\npolicyTypes: [Ingress, Egress]"),
        policy(
            "x/node",
            "podSelector: {}\npolicyTypes: [Egress]\n"
                + "egress: [{to: [{ipBlock: {cidr: 10.240.0.20/32}}]}]"));
    assertThat(reach("x/a>worker-0")).hasSize(1);
  }

  private static byte[] linkLocalFrame(int protocol, byte[] payload) {
    ByteBuffer frame = ByteBuffer.allocate(54 + payload.length);
    frame.put(MacAddress.parse("ee:ee:ee:ee:ee:ee").bytes());
    frame.put(new MacAddress(0x0a58_0000_0002L).bytes()).putShort((short) 0x86dd);
    frame.putInt(0x6000_0000).putShort((short) payload.length);
    frame.put((byte) protocol).put((byte) 255);
    frame.put(IpAddress.parse("fe80::2").bytes()).put(IpAddress.parse("fd00::9").bytes());
    return frame.put(payload).array();
  }

  private long passed(String counter) throws Exception {
    String text = lab.inNode("nft", "list", "counter", "ip6", "passed", counter);
    int at = text.indexOf("packets ") + "packets ".length();
    return Long.parseLong(text.substring(at, text.indexOf(' ', at)));
  }

  @Test
  void noPodReachesTheNodeByAnAddressThatIsNotRouted() throws Exception {
    assertThat(lab.inNode("ip", "-6", "addr", "add", "fd00::9/128", "dev", "lo")).isEmpty();
    assertThat(
            lab.inNode(
                "nft",
                "add table ip6 passed; add counter ip6 passed of-udp; add counter ip6 passed of-nd; add"
                    + " chain ip6 passed in { type filter hook input priority 10; }; add rule ip6"
                    + " passed in ip6 saddr fe80::2 meta l4proto udp counter name of-udp; add rule ip6"
                    + " passed in ip6 saddr fe80::2 icmpv6 type 135 counter name of-nd"))
        .isEmpty();
    byte[] udp =
        linkLocalFrame(17, ByteBuffer.allocate(8).putInt(0x03e8_0009).putInt(8 << 16).array());
    byte[] discovery = linkLocalFrame(58, ByteBuffer.allocate(24).put((byte) 135).array());
    NetworkPolicy all = policy("x/all", "podSelector: {}\npolicyTypes: [Ingress, Egress]");
    try (PacketSocket wire = PacketSocket.open(lab.sandbox("x/a"), 2)) {
      for (boolean known : List.of(false, true)) {
        datapath.close();
        datapath =
            PolicyDatapath.open(
                new PolicyConfig(PolicyLab.NODE, List.of(), known ? "veth" : ""), lab.node);
        set(all);
        long before = passed("of-nd");
        wire.send(udp);
        wire.send(discovery);
        long start = System.nanoTime();
        while (passed("of-nd") == before) {
          assertThat(System.nanoTime() - start).isLessThan(PATIENCE.toNanos());
        }
        // The first went through, which shows that it can.
        assertThat(passed("of-udp")).isEqualTo(1);
      }
    }
  }

  @Test
  void dnsThatTheNodeServesStandsForThePodItUsuallyIs() throws Exception {
    datapath.close();
    datapath =
        PolicyDatapath.open(
            new PolicyConfig(
                PolicyLab.NODE,
                List.of(PolicyConfig.clusterDns(lab.address(PolicyLab.NODE, IpFamily.IPV4)))),
            lab.node);
    String toDns =
        "podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{namespaceSelector: {matchLabels:"
            + " {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app:"
            + " %s}}}]}]";
    set(policy("x/dns", toDns.formatted("kube-dns")));
    assertThat(reach("x/a>worker-0")).hasSize(1);
    set(policy("x/dns", toDns.formatted("other")));
    assertThat(reach("x/a>worker-0")).isEmpty();
  }

  @Test
  void theRulesOutliveTheAgentAndItsRestart() throws Exception {
    set(policy("x/allow-b", ALLOW_B));
    try (Pair allowed = Pair.connect(lab, "x/b", "x/a")) {
      datapath.close();
      assertThat(lab.inNode("nft", "list", "map", "ip", "fairway-policy", "to"))
          .contains("10.200.0.2 : jump to-");
      assertThat(allowed.carries(true, () -> false)).isTrue();
      datapath = open();
      set(policy("x/allow-b", ALLOW_B));
      assertThat(allowed.carries(false, () -> false)).isTrue();
      assertThat(reach("x/b>x/a", "x/c>x/a")).hasSize(1);
      // What was denied meanwhile is cut, too.
      datapath.close();
      datapath = open();
      set(policy("x/deny", DENY));
      assertThat(allowed.carries(true, moreDropped())).isFalse();
    }
  }

  @Test
  void aTableThatSomebodyBrokeHealsAndOthersTablesAreLeftAlone() throws Exception {
    assertThat(lab.inNode("nft", "add", "table", "inet", "others")).isEmpty();
    set(policy("x/deny", DENY));
    assertThat(lab.inNode("nft", "flush", "table", "ip", "fairway-policy")).isEmpty();
    heals("forward", "established,related accept");
    assertThat(reach("x/b>x/a")).isEmpty();
    assertThat(lab.inNode("nft", "delete", "table", "ip", "fairway-policy")).isEmpty();
    set(policy("x/allow-b", ALLOW_B)); // the next change finds out, too
    assertThat(reach("x/b>x/a", "x/c>x/a")).hasSize(1);
    set();
    assertThat(lab.inNode("nft", "list", "table", "ip", "fairway-policy"))
        .doesNotContain("10.200.", "counter", "pods-");
    set(policy("x/deny", DENY));
    datapath.close();
    PolicyDatapath.uninstall(lab.node);
    assertThat(lab.inNode("nft", "list", "tables"))
        .isEqualToIgnoringWhitespace("table inet others");
  }

  /// A look may have to wait for its turn.
  private void heals(String chain, String text) throws Exception {
    long start = System.nanoTime();
    while (!lab.inNode("nft", "list", "chain", "ip", "fairway-policy", chain).contains(text)) {
      assertThat(System.nanoTime() - start).isLessThan(PATIENCE.toNanos());
      datapath.check();
    }
  }

  @Test
  void whatIsOfTheSameShapeIsFoundTooAndOthersTablesCostNothing() throws Exception {
    set(policy("x/deny", DENY));
    assertThat(reach("x/b>x/a")).isEmpty();
    long before = dropped();
    assertThat(before).isPositive();
    for (int i = 0; i < 3; i++) {
      assertThat(lab.inNode("nft", "add", "table", "inet", "others" + i)).isEmpty();
      datapath.check();
      set(policy("x/allow-b", ALLOW_B), policy("x/deny", DENY));
      set(policy("x/deny", DENY));
    }
    assertThat(dropped()).as("nothing was loaded anew").isGreaterThanOrEqualTo(before);
    String rules = lab.inNode("nft", "-a", "list", "chain", "ip", "fairway-policy", "forward");
    int at = rules.indexOf("# handle ", rules.indexOf("established,related accept")) + 9;
    String handle = rules.substring(at, rules.indexOf('\n', at)).strip();
    assertThat(
            lab.inNode(
                "nft",
                "replace rule ip fairway-policy forward handle " + handle + " ct state new accept"))
        .isEmpty();
    heals("forward", "established,related accept");
    assertThat(lab.inNode("nft", "chain ip fairway-policy forward { policy drop; }")).isEmpty();
    heals("forward", "policy accept");
    assertThat(reach("x/b>x/a")).isEmpty();
  }

  private Pod labelled(String pod, String label) {
    return new PodBuilder(lab.pods.get(pod))
        .editMetadata()
        .addToLabels("pod", label)
        .endMetadata()
        .build();
  }

  @Test
  void labelsOpenAndCloseAndAnAddressIsItsLastOwners() throws Exception {
    set(policy("x/allow-b", ALLOW_B));
    datapath.change(labelled("x/c", "b"));
    assertThat(reach("x/c>x/a")).hasSize(1);
    try (Pair open = Pair.connect(lab, "x/c", "x/a")) {
      datapath.change(labelled("x/c", "c"));
      assertThat(open.carries(true, moreDropped())).isFalse();
    }
    // The address of b goes to a pod that nobody let in, before the API server says so of b.
    assertThat(datapath.admit("x", "new", "", List.of(lab.address("x/b", IpFamily.IPV4)))).isTrue();
    assertThat(reach("x/b>x/a")).isEmpty();
    // It ends.
    Pod ended =
        new PodBuilder(lab.pods.get("x/a")).editStatus().withPhase("Succeeded").endStatus().build();
    datapath.change(ended);
    assertThat(datapath.rules().pods()).doesNotContainKey(lab.address("x/a", IpFamily.IPV4));
  }

  @Test
  void aPodThatIsConnectedIsIsolatedBeforeItCanSend() throws Exception {
    IpAddress address = IpAddress.parse("10.200.0.77");
    assertThat(datapath.admit("x", "late", "u1", List.of(address))).as("before all").isFalse();
    set();
    assertThat(datapath.admit("x", "late", "u1", List.of(address))).isTrue();
    assertThat(datapath.rules().pods()).isEmpty();
    set(policy("x/all", "podSelector: {}\npolicyTypes: [Ingress, Egress]"));
    // Its object comes while it waits.
    Pod late = Objects.pod("x", "late", PolicyLab.NODE, 99);
    late.getMetadata().setUid("u2");
    late.setStatus(null);
    Future<Boolean> admitted = admitLater("late", "u2", address);
    datapath.change(late);
    assertThat(admitted.get()).isTrue();
    assertThat(datapath.rules().pods()).containsKey(address);
    // Its object does not come: it starts closed.
    IpAddress other = IpAddress.parse("10.200.0.78");
    assertThat(datapath.admit("x", "unknown", "u3", List.of(other))).isTrue();
    assertThat(
            datapath
                .rules()
                .decide(new Packet(other, IpAddress.parse("1.1.1.1"), Protocol.TCP, 80)))
        .isPresent();
  }

  private Future<Boolean> admitLater(String name, String uid, IpAddress address) {
    FutureTask<Boolean> task =
        new FutureTask<>(() -> datapath.admit("x", name, uid, List.of(address)));
    Thread.ofPlatform().daemon().start(task);
    return task;
  }

  @Test
  void whatTheApiWouldRefuseAllowsNothingAndHindersNobody() throws Exception {
    List<String> problems = new ArrayList<>();
    PolicyReader reader = new PolicyReader(problems::add);
    Collection<NetworkPolicy> bad =
        List.of(
            policy("x/p", "podSelector: {matchExpressions: [{key: a, operator: Maybe}]}"),
            policy("x/p", "podSelector: {}\npolicyTypes: [Sideways]"),
            policy("x/p", "podSelector: {}\ningress: [{from: [{}]}]"),
            policy("x/p", "podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]"),
            policy(
                "x/p",
                "podSelector: {}\n"
                    + "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['::/0']}}]}]"),
            policy("x/p", "podSelector: {}\ningress: [{ports: [{port: 99999}]}]"),
            policy("x/p", "podSelector: {}\ningress: [{ports: [{port: 80, endPort: 79}]}]"),
            policy("x/p", "podSelector: {}\ningress: [{ports: [{endPort: 79}]}]"),
            policy("x/p", "podSelector: {}\ningress: [{ports: [{protocol: ICMP}]}]"));
    for (NetworkPolicy one : bad) {
      Policy read = reader.read(one);
      assertThat(read.ingress().orElseThrow()).as("%s", one).isEmpty();
    }
    assertThat(problems)
        .containsExactly(
            "NetworkPolicy x/p: spec.podSelector: matchExpressions[0].operator: \"Maybe\" is not In,"
                + " NotIn, Exists or DoesNotExist; it allows nothing",
            "NetworkPolicy x/p: spec.policyTypes[0]: \"Sideways\" is not Ingress or Egress; it"
                + " allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].from[0]: is empty; give ipBlock, namespaceSelector"
                + " or podSelector; it allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0\" is not a prefix:"
                + " it has no /length; it allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].from[0].ipBlock.except[0]: ::/0 is not in"
                + " 10.0.0.0/8; it allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].ports[0].port: 99999 is not from 1 to 65535; it"
                + " allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].ports[0].port: 80 to 79 is not from 1 to 65535; it"
                + " allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].ports[0].endPort: 79 has no port to begin at; it"
                + " allows nothing",
            "NetworkPolicy x/p: spec.ingress[0].ports[0].protocol: \"ICMP\" is not TCP, UDP or"
                + " SCTP; it allows nothing");
    List<NetworkPolicy> all = new ArrayList<>(bad);
    all.add(
        policy(
            "x/good",
            "podSelector: {}\ningress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]"));
    datapath.set(namespaces, lab.pods.values(), all);
    assertThat(reach("x/b>x/a", "x/c>x/a")).hasSize(1);
  }
}
