// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Service;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The whole server on loopback, asked by dig.
class DnsServerTest {
  private static final String ADDRESS = "127.0.0.1";
  private DnsServer upstream;
  private DatagramSocket mute;
  private DnsServer server;

  @BeforeEach
  void start() throws Exception {
    upstream = DnsServer.start(Cluster.config("example.test", List.of()));
    fill(upstream);
    // An upstream that never says a word stands first in the list.
    mute = new DatagramSocket(0, InetAddress.getLoopbackAddress());
    server = DnsServer.start(impatient(List.of(address(mute), upstream.addresses().getFirst())));
  }

  @AfterEach
  void stop() {
    server.close();
    upstream.close();
    mute.close();
  }

  private static InetSocketAddress address(DatagramSocket socket) {
    return new InetSocketAddress(socket.getLocalAddress(), socket.getLocalPort());
  }

  private static DnsConfig impatient(List<InetSocketAddress> upstreams) {
    return Cluster.config("cluster.local", upstreams).withForwarding(impatiently(upstreams));
  }

  private static Forwarding impatiently(List<InetSocketAddress> upstreams) {
    Forwarding usual = Forwarding.to(upstreams);
    return new Forwarding(usual.routes(), Duration.ofMillis(300), usual.concurrent());
  }

  private static void fill(DnsServer server) {
    List<Service> services = new ArrayList<>(Cluster.services());
    services.add(Cluster.clusterIp("default", "www", "10.32.1.80"));
    ((ZoneFollower) server.subscriber())
        .changed(true, Cluster.added(services), Cluster.added(Cluster.slices()));
  }

  private String dig(String... arguments) throws IOException, InterruptedException {
    return dig(ADDRESS, server.addresses().getFirst().getPort(), arguments);
  }

  private static List<String> digCommand(String address, int port, String... arguments) {
    List<String> command = new ArrayList<>(List.of("dig", "@" + address, "-p", "" + port));
    command.addAll(List.of("+tries=1", "+time=30", "+nocookie"));
    command.addAll(List.of(arguments));
    return command;
  }

  private static String dig(String address, int port, String... arguments)
      throws IOException, InterruptedException {
    return output(
        new ProcessBuilder(digCommand(address, port, arguments)).redirectErrorStream(true).start());
  }

  /// Where the server waits for others only briefly.
  private static void digUntil(String wished, int port, String... arguments)
      throws IOException, InterruptedException {
    Asking.until(wished::equals, digCommand(ADDRESS, port, arguments).toArray(String[]::new));
  }

  private static String output(Process process) throws IOException, InterruptedException {
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return said;
  }

  private String shortAnswer(String... arguments) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("+short");
    return dig(all.toArray(String[]::new)).strip();
  }

  @Test
  void digGetsEveryKindOfRecord() throws Exception {
    fill(server);
    assertThat(server.isReady()).isTrue();
    assertThat(shortAnswer("web.default.svc.cluster.local", "A")).isEqualTo("10.32.7.8");
    assertThat(shortAnswer("web.default.svc.cluster.local", "AAAA")).isEqualTo("fd00:32::7");
    assertThat(shortAnswer("_http._tcp.web.default.svc.cluster.local", "SRV"))
        .isEqualTo("0 100 80 web.default.svc.cluster.local.");
    assertThat(shortAnswer("-x", "10.32.7.8")).isEqualTo("web.default.svc.cluster.local.");
    assertThat(shortAnswer("-x", "fd00:32::7")).isEqualTo("web.default.svc.cluster.local.");
    assertThat(shortAnswer("dns-version.cluster.local", "TXT")).isEqualTo("\"1.1.0\"");
    assertThat(shortAnswer("10-200-0-9.db.pod.cluster.local")).isEqualTo("10.200.0.9");
    assertThat(shortAnswer("+tcp", "web.default.svc.cluster.local")).isEqualTo("10.32.7.8");
    assertThat(shortAnswer("+noedns", "web.default.svc.cluster.local")).isEqualTo("10.32.7.8");
  }

  @Test
  void digSeesWhatIsMissing() throws Exception {
    fill(server);
    String noName = dig("example.org.default.svc.cluster.local");
    assertThat(noName).contains("status: NXDOMAIN", "flags: qr aa rd ra;", "SOA");
    String noType = dig("web.default.svc.cluster.local", "MX");
    assertThat(noType).contains("status: NOERROR", "ANSWER: 0, AUTHORITY: 1", "SOA");
    assertThat(dig("+edns=5", "+noednsneg", "web.default.svc.cluster.local"))
        .contains("status: BADVERS");
    assertThat(dig("+opcode=NOTIFY", "web.default.svc.cluster.local")).contains("status: NOTIMP");
    assertThat(dig("CH", "TXT", "version.bind")).contains("status: REFUSED");
    assertThat(dig("WEB.Default.svc.cluster.LOCAL")).contains("WEB.Default.svc.cluster.LOCAL. 5");
  }

  @Test
  void largeAnswersAreTruncatedThenWholeOverTcp() throws Exception {
    fill(server);
    String cut = dig("+ignore", "+bufsize=4096", "many.db.svc.cluster.local");
    assertThat(cut).contains("flags: qr aa tc rd ra;").contains("MSG SIZE  rcvd: 12");
    assertThat(dig("+ignore", "+noedns", "many.db.svc.cluster.local")).contains("aa tc rd");
    String whole = dig("many.db.svc.cluster.local");
    assertThat(whole).contains("Truncated, retrying in TCP", "ANSWER: 200,", "(TCP)");
  }

  @Test
  void otherNamesComeFromTheUpstreamThatAnswers() throws Exception {
    fill(server);
    String answer = dig("www.default.svc.example.test");
    assertThat(answer).contains("status: NOERROR", "flags: qr rd ra;", "10.32.1.80");
    assertThat(dig("nothing.default.svc.example.test")).contains("status: NXDOMAIN", "SOA");
    assertThat(dig("many.db.svc.example.test")).contains("ANSWER: 200,");
    assertThat(server.metrics())
        .contains("zone=\".\",view=\"\",proto=\"udp\",family=\"1\",type=\"A\"} 3")
        .contains("rcode=\"NXDOMAIN\"} 1");
    upstream.close();
    assertThat(shortAnswer("www.default.svc.example.test"))
        .as("from the cache")
        .isEqualTo("10.32.1.80");
    assertThat(dig("+time=5", "new.default.svc.example.test")).contains("status: SERVFAIL");
  }

  @Test
  void anAliasToOutsideBringsItsAddress() throws Exception {
    fill(server);
    Service alias = Cluster.externalName("default", "shop", "www.default.svc.example.test");
    ((ZoneFollower) server.subscriber())
        .changed(false, Cluster.added(List.of(alias)), java.util.Map.of());
    assertThat(shortAnswer("shop.default.svc.cluster.local"))
        .isEqualTo("www.default.svc.example.test.\n10.32.1.80");
  }

  @Test
  void beforeTheFirstDeltaClusterNamesFailAndOthersWork() throws Exception {
    assertThat(server.isReady()).isFalse();
    assertThat(dig("web.default.svc.cluster.local")).contains("status: SERVFAIL");
    assertThat(shortAnswer("www.default.svc.example.test")).isEqualTo("10.32.1.80");
  }

  @Test
  void withoutUpstreamsOtherNamesAreRefused() throws Exception {
    int port = upstream.addresses().getFirst().getPort();
    assertThat(dig(ADDRESS, port, "www.example.org"))
        .contains("status: REFUSED", "recursion requested but not available");
    assertThat(dig(ADDRESS, port, "outside.default.svc.example.test"))
        .contains("status: NXDOMAIN", "www.example.test.");
  }

  @Test
  void aPodGetsANameOutsideInOneRoundTrip() throws Exception {
    DnsConfig usual = Cluster.config("cluster.local", upstream.addresses());
    try (DnsServer quick =
        DnsServer.start(usual.withCluster(usual.cluster().withSearchShortcut(List.of())))) {
      fill(quick);
      ((ZoneFollower) quick.subscriber())
          .changedPods(true, Cluster.added(List.of(Cluster.pod("default", "me", ADDRESS))));
      int port = quick.addresses().getFirst().getPort();
      String asked = "www.default.svc.example.test.default.svc.cluster.local";
      assertThat(dig(ADDRESS, port, asked, "+short"))
          .isEqualTo("www.default.svc.example.test.\n10.32.1.80\n");
      assertThat(dig(ADDRESS, port, asked, "AAAA"))
          .as("no such type is an end of the search too")
          .contains("status: NOERROR", "CNAME", "SOA");
      assertThat(dig(ADDRESS, port, "nothing.svc.example.test.default.svc.cluster.local"))
          .contains("status: NXDOMAIN", "ANSWER: 0", "cluster.local.\t\t5\tIN\tSOA");
    }
  }

  @Test
  void withoutUpstreamsTheSearchPathIsTheAskersAgain() throws Exception {
    for (List<InetSocketAddress> upstreams : List.of(List.<InetSocketAddress>of(), mutes())) {
      DnsConfig usual = impatient(upstreams);
      try (DnsServer alone =
          DnsServer.start(usual.withCluster(usual.cluster().withSearchShortcut(List.of())))) {
        fill(alone);
        ((ZoneFollower) alone.subscriber())
            .changedPods(true, Cluster.added(List.of(Cluster.pod("db", "me", ADDRESS))));
        int port = alone.addresses().getFirst().getPort();
        assertThat(dig(ADDRESS, port, "www.example.org.db.svc.cluster.local"))
            .contains("status: NXDOMAIN", "ANSWER: 0");
        assertThat(dig(ADDRESS, port, "+short", "web.default.db.svc.cluster.local"))
            .isEqualTo("web.default.svc.cluster.local.\n10.32.7.8\n");
      }
    }
  }

  private List<InetSocketAddress> mutes() {
    return List.of(address(mute));
  }

  @Test
  void aStubDomainHasResolversOfItsOwn() throws Exception {
    List<Forwarding.Route> routes =
        List.of(
            new Forwarding.Route(".", List.of(address(mute)), Forwarding.Order.RANDOM),
            new Forwarding.Route(
                "example.test", upstream.addresses(), Forwarding.Order.ROUND_ROBIN));
    try (DnsServer stubbed =
        DnsServer.start(
            Cluster.config("cluster.local", List.of())
                .withForwarding(new Forwarding(routes, Duration.ofMillis(200), 10)))) {
      int port = stubbed.addresses().getFirst().getPort();
      digUntil("10.32.1.80\n", port, "+short", "www.default.svc.EXAMPLE.test");
      assertThat(dig(ADDRESS, port, "www.example.org")).contains("status: SERVFAIL");
    }
  }

  @Test
  void aStaleAnswerIsBetterThanNone() throws Exception {
    Caching brief =
        new Caching(
            10, Duration.ofSeconds(1), Duration.ofSeconds(1), 0, Duration.ofHours(1), false);
    try (DnsServer keeping = DnsServer.start(impatient(upstream.addresses()).withCaching(brief))) {
      int port = keeping.addresses().getFirst().getPort();
      digUntil("10.32.1.80\n", port, "+short", "www.default.svc.example.test");
      upstream.close();
      long deadline = System.nanoTime() + 30_000_000_000L;
      String answer = "";
      while (!answer.contains("example.test. 30 IN\tA") && System.nanoTime() < deadline) {
        answer = dig(ADDRESS, port, "www.default.svc.example.test");
        assertThat(answer).contains("status: NOERROR", "10.32.1.80");
      }
      assertThat(answer).contains("www.default.svc.example.test. 30 IN\tA");
      assertThat(keeping.metrics()).containsPattern("coredns_cache_served_stale_total\\{.*} [1-9]");
    }
  }

  /// An upstream that repeats the question in lower case is asked over TCP, where a forger would
  /// have to guess more.
  @Test
  void anotherSpellingIsNotBelievedOverUdp() throws Exception {
    try (DatagramSocket udp = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        java.net.ServerSocket tcp =
            new java.net.ServerSocket(udp.getLocalPort(), 5, InetAddress.getLoopbackAddress());
        DnsServer careful =
            DnsServer.start(Cluster.config("cluster.local", List.of(address(udp))))) {
      Thread.ofVirtual().start(() -> answerInLowerCase(udp));
      Thread.ofVirtual().start(() -> answerAsAsked(tcp));
      int port = careful.addresses().getFirst().getPort();
      assertThat(dig(ADDRESS, port, "+short", "a-long-name-of-many-letters.example.org"))
          .isEqualTo("192.0.2.2\n");
    }
  }

  private static void answerInLowerCase(DatagramSocket udp) {
    try {
      while (true) {
        java.net.DatagramPacket packet = new java.net.DatagramPacket(new byte[512], 512);
        udp.receive(packet);
        org.xbill.DNS.Message asked =
            new org.xbill.DNS.Message(
                java.util.Arrays.copyOf(packet.getData(), packet.getLength()));
        org.xbill.DNS.Name name =
            org.xbill.DNS.Name.fromString(
                asked.getQuestion().getName().toString().toLowerCase(java.util.Locale.ROOT));
        byte[] answer = answer(asked.getHeader().getID(), name, "192.0.2.1");
        udp.send(new java.net.DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private static void answerAsAsked(java.net.ServerSocket tcp) {
    try {
      while (true) {
        try (Socket socket = tcp.accept()) {
          java.io.DataInputStream in = new java.io.DataInputStream(socket.getInputStream());
          byte[] query = new byte[in.readUnsignedShort()];
          in.readFully(query);
          org.xbill.DNS.Message asked = new org.xbill.DNS.Message(query);
          byte[] answer =
              answer(asked.getHeader().getID(), asked.getQuestion().getName(), "192.0.2.2");
          java.io.DataOutputStream out = new java.io.DataOutputStream(socket.getOutputStream());
          out.writeShort(answer.length);
          out.write(answer);
        }
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private static byte[] answer(int id, org.xbill.DNS.Name name, String address) throws IOException {
    org.xbill.DNS.Message answer =
        org.xbill.DNS.Message.newQuery(org.xbill.DNS.Record.newRecord(name, 1, 1));
    answer.getHeader().setID(id);
    answer.getHeader().setFlag(org.xbill.DNS.Flags.QR);
    answer.addRecord(new org.xbill.DNS.ARecord(name, 1, 60, InetAddress.getByName(address)), 1);
    return answer.toWire();
  }

  @Test
  void oneClientCannotHoldTheConnections() throws Exception {
    fill(server);
    InetSocketAddress address = server.addresses().getFirst();
    List<Socket> idle = new ArrayList<>();
    try {
      for (int i = 0; i < 300; i++) {
        idle.add(new Socket(address.getAddress(), address.getPort()));
      }
      assertThat(shortAnswer("+tcp", "web.default.svc.cluster.local")).isEqualTo("10.32.7.8");
      // The first ones had to make room.
      idle.getFirst().setSoTimeout(30_000);
      assertThat(idle.getFirst().getInputStream().read()).isEqualTo(-1);
    } finally {
      for (Socket socket : idle) {
        socket.close();
      }
    }
  }

  /// The second question's answer overtakes the first, for which a mute upstream is waited.
  @Test
  void aSlowQuestionDoesNotHoldUpTheNext() throws Exception {
    try (DnsServer slow =
        DnsServer.start(Cluster.config("cluster.local", List.of(address(mute))))) {
      fill(slow);
      InetSocketAddress address = slow.addresses().getFirst();
      try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
        java.io.DataOutputStream out = new java.io.DataOutputStream(socket.getOutputStream());
        for (String name : List.of("www.example.org.", "web.default.svc.cluster.local.")) {
          byte[] query =
              org.xbill.DNS.Message.newQuery(
                      org.xbill.DNS.Record.newRecord(org.xbill.DNS.Name.fromString(name), 1, 1))
                  .toWire();
          out.writeShort(query.length);
          out.write(query);
        }
        java.io.DataInputStream in = new java.io.DataInputStream(socket.getInputStream());
        byte[] answer = new byte[in.readUnsignedShort()];
        in.readFully(answer);
        assertThat(new org.xbill.DNS.Message(answer).getQuestion().getName().toString())
            .startsWith("web");
      }
    }
  }

  @Test
  void severalQuestionsShareAConnection() throws Exception {
    fill(server);
    InetSocketAddress address = server.addresses().getFirst();
    try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
      org.xbill.DNS.Record question =
          org.xbill.DNS.Record.newRecord(
              org.xbill.DNS.Name.fromString("web.default.svc.cluster.local."), 1, 1);
      for (int i = 0; i < 3; i++) {
        byte[] query = org.xbill.DNS.Message.newQuery(question).toWire();
        java.io.DataOutputStream out = new java.io.DataOutputStream(socket.getOutputStream());
        out.writeShort(query.length);
        out.write(query);
        java.io.DataInputStream in = new java.io.DataInputStream(socket.getInputStream());
        byte[] answer = new byte[in.readUnsignedShort()];
        in.readFully(answer);
        assertThat(new org.xbill.DNS.Message(answer).getSection(1)).hasSize(1);
      }
    }
  }

  @Test
  void anAddressInUseIsNamed() {
    List<InetSocketAddress> taken = List.of(server.addresses().getFirst());
    DnsConfig config = DnsConfig.of(taken, "cluster.local", List.of(), List.of(), List.of());
    assertThatThrownBy(() -> DnsServer.start(config))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("DNS cannot listen at [/127.0.0.1:");
  }

  @Test
  void listensAtTheServiceAddressOfItsNamespace() throws Exception {
    IpAddress service = IpAddress.parse("10.32.0.10");
    try (NetworkNamespace namespace = NetworkNamespace.createAnonymous()) {
      LocalAddresses.ensure(namespace, List.of(service));
      LocalAddresses.ensure(namespace, List.of(service));
      List<InetSocketAddress> listen = List.of(new InetSocketAddress(service.toInetAddress(), 53));
      DnsConfig config =
          DnsConfig.of(
              listen, "cluster.local", List.of(Cluster.SERVICES), List.of(Cluster.PODS), List.of());
      try (DnsServer inside = namespace.call(() -> DnsServer.start(config))) {
        fill(inside);
        Process dig =
            namespace.start(
                new ProcessBuilder(
                    digCommand("10.32.0.10", 53, "+short", "web.default.svc.cluster.local")));
        assertThat(output(dig).strip()).isEqualTo("10.32.7.8");
        String ns =
            output(
                namespace.start(
                    new ProcessBuilder(
                        digCommand("10.32.0.10", 53, "+short", "+tcp", "ns.dns.cluster.local"))));
        assertThat(ns.strip()).isEqualTo("10.32.0.10");
      }
    }
  }
}
