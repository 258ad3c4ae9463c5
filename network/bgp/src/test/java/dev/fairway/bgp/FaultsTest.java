// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static dev.fairway.bgp.Deadline.waitFor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.fairway.bgp.PeerStatus.FamilyCounters;
import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.Community;
import dev.fairway.bgp.wire.Origin;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.linux.KernelFeatures;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What a speaker must stand: neighbours that read nothing or lie, and a machine that is short of
/// something.
class FaultsTest {
  private static final IpAddress OURS = IpAddress.parse("10.99.0.1");
  private static final IpAddress THEIRS = IpAddress.parse("10.99.0.2");

  private TestNetwork network;

  @BeforeEach
  void makeNetwork() throws Exception {
    network = new TestNetwork();
  }

  @AfterEach
  void removeNetwork() throws Exception {
    network.close();
  }

  private static BgpSettings settings(int number, long as) {
    IpAddress address = IpAddress.parse("10.99.0." + number);
    return BgpSettings.of(as, address).withListen(new TransportAddress(address, 179));
  }

  private static PeerSettings peer(int number, long as, boolean passive) {
    return new PeerSettings(
        IpAddress.parse("10.99.0." + number),
        PeerProfile.of(as)
            .withConnectRetry(Duration.ofMillis(200))
            .withFamilies(Set.of(IpFamily.IPV4))
            .withPassive(passive)
            .withImport(Policy.ACCEPT_ALL)
            .withExport(Policy.ACCEPT_ALL));
  }

  private static FamilyCounters counters(BgpSpeaker speaker, IpAddress peer) {
    for (PeerStatus status : speaker.peers()) {
      if (status.address().equals(peer) && status.families().containsKey(IpFamily.IPV4)) {
        return status.families().get(IpFamily.IPV4);
      }
    }
    return new FamilyCounters(0, 0, 0, 0, false);
  }

  /// What a machine answers that has no file descriptor left, twice.
  private record ShortOfFiles(BgpTransport real, AtomicInteger times) implements BgpTransport {
    @Override
    public Connection connect(TransportAddress remote, Guard guard) throws IOException {
      return real.connect(remote, guard);
    }

    @Override
    public Listener listen(TransportAddress local) throws IOException {
      Listener listener = real.listen(local);
      return new Listener() {
        @Override
        public Connection accept() throws IOException {
          if (times.getAndDecrement() > 0) {
            throw new IOException("Too many open files");
          }
          return listener.accept();
        }

        @Override
        public void guard(List<Guarded> guards) throws IOException {
          listener.guard(guards);
        }

        @Override
        public TransportAddress local() {
          return listener.local();
        }

        @Override
        public void close() {
          listener.close();
        }
      };
    }
  }

  @Test
  void connectionsAreAcceptedAgainOnceTheyCanBe() throws Exception {
    NetworkNamespace our = network.router(1);
    NetworkNamespace their = network.router(2);
    BgpTransport poor = new ShortOfFiles(TcpTransport.in(our), new AtomicInteger(2));
    try (BgpSpeaker one = BgpSpeaker.start(poor, delta -> {});
        BgpSpeaker two = BgpSpeaker.start(TcpTransport.in(their), delta -> {})) {
      one.set(settings(1, 65001).withPeers(peer(2, 65002, true)));
      two.set(settings(2, 65002).withPeers(peer(1, 65001, false)));
      waitFor("a session", () -> one.peers().getFirst().established());
    }
  }

  @Test
  void whoReadsNothingHoldsNobodyUpAndNothingOpen() throws Exception {
    int many = 20_000;
    List<Advertisement> all = new ArrayList<>();
    Prefix from = Prefix.parse("20.0.0.0/8");
    for (int i = 0; i < many; i++) {
      // Each with attributes of its own, so each takes a message of its own.
      all.add(
          Advertisement.of(from.subnet(26, i))
              .withCommunities(Community.of(1, i), Community.of(2, i), Community.of(3, i)));
    }
    NetworkNamespace our = network.router(1);
    NetworkNamespace their = network.router(2);
    NetworkNamespace third = network.router(3);
    Routes routes = new Routes();
    final long before = openSockets();
    try (GuardedTransport transport = new GuardedTransport(our);
        BgpSpeaker speaker = BgpSpeaker.start(transport, delta -> {});
        BgpSpeaker quick = BgpSpeaker.start(TcpTransport.in(third), routes)) {
      speaker.set(
          settings(1, 65001)
              .withPeers(peer(2, 65002, true), peer(3, 65003, true))
              .withAdvertisements(all));
      try (Liar slow = new Liar(their, 2)) {
        slow.handshake();
        waitFor("the slow one is up", () -> speaker.peers().getFirst().established());
        quick.set(settings(3, 65003).withPeers(peer(1, 65001, false)));
        waitFor("the quick one has all", () -> routes.size() == many);
        assertThat(speaker.peers()).hasSize(2).allMatch(PeerStatus::established);
        // What it was not sent waits as a bit a route, not as messages.
        assertThat(counters(speaker, THEIRS).pending()).isGreaterThan(many / 4);
        speaker.close();
        quick.close();
        waitFor("only the slow one's own end is open", () -> openSockets() <= before + 1);
      }
    }
  }

  private static long openSockets() throws IOException {
    long sockets = 0;
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      for (Path file : files.toList()) {
        sockets += target(file).startsWith("socket:") ? 1 : 0;
      }
    }
    return sockets;
  }

  private static String target(Path file) {
    try {
      return Files.readSymbolicLink(file).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }

  @Test
  void liesAboutTheWayAreNotBelieved() throws Exception {
    NetworkNamespace our = network.router(1);
    Routes routes = new Routes();
    IpAddress other = IpAddress.parse("10.99.0.77");
    try (BgpSpeaker honest = BgpSpeaker.start(TcpTransport.in(our), routes)) {
      honest.set(
          settings(1, 65001)
              .withPeers(peer(2, 65002, true))
              .withNextHops(other)
              .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.200.1.0/24")))));
      try (Liar liar = new Liar(network.router(2), 2)) {
        liar.handshake();
        waitFor("up", () -> honest.peers().getFirst().established());
        AsPath path = AsPath.of(65002L);
        // The way leads to ourselves, by either of our addresses.
        liar.tell(PathAttributes.of(Origin.IGP, path, OURS), "10.1.0.0/16");
        liar.tell(PathAttributes.of(Origin.IGP, path, other), "10.2.0.0/16");
        // It has been here before.
        liar.tell(PathAttributes.of(Origin.IGP, AsPath.of(65002L, 65001L), THEIRS), "10.3.0.0/16");
        // It is shorter than it can be, as the neighbour has left itself out.
        liar.tell(PathAttributes.of(Origin.IGP, AsPath.EMPTY, THEIRS), "10.4.0.0/16");
        liar.tell(PathAttributes.of(Origin.IGP, AsPath.of(65009L), THEIRS), "10.5.0.0/16");
        // What is ours goes nowhere else, whoever says so.
        liar.tell(PathAttributes.of(Origin.IGP, path, THEIRS), "10.200.1.0/24", "10.6.0.0/16");
        waitFor("the one good route", () -> routes.has("10.6.0.0/16"));
        assertThat(routes.size()).isEqualTo(1);
        assertThat(counters(honest, THEIRS).rejected()).isEqualTo(5);
        assertThat(honest.peers().getFirst().sessions()).isEqualTo(1);
      }
    }
  }

  /// It may have fallen asleep in the midst of its routes. Usually it hears something each 30 s.
  @Test
  void whoHasNotToldAllIsNudged() throws Exception {
    NetworkNamespace our = network.router(1);
    try (BgpSpeaker speaker = BgpSpeaker.start(TcpTransport.in(our), delta -> {})) {
      speaker.set(settings(1, 65001).withPeers(peer(2, 65002, true)));
      try (Liar sleepy = new Liar(network.router(2), 2)) {
        sleepy.handshake();
        // OPEN, the first KEEPALIVE, End-of-RIB
        waitFor("two nudges", () -> speaker.peers().getFirst().messages().sent() >= 5);
        assertThat(speaker.peers().getFirst().sessions()).isEqualTo(1);
      }
    }
  }

  /// A key that the kernel cannot use keeps one neighbour out, and is said to be why.
  @Test
  void tcpAoWhereTheKernelHasNone() throws Exception {
    assumeThat(KernelFeatures.hasTcpAo()).as("a kernel with CONFIG_TCP_AO").isFalse();
    NetworkNamespace our = network.router(1);
    NetworkNamespace third = network.router(3);
    PeerSettings signed = peer(2, 65002, false);
    PeerSocket socket =
        PeerSocket.DEFAULT.withSignature(new PeerSocket.Signature.Ao(1, 2, "between us"));
    BgpSettings settings =
        settings(1, 65001)
            .withPeers(
                new PeerSettings(THEIRS, signed.profile().withSocket(socket)),
                peer(3, 65003, true));
    try (GuardedTransport transport = new GuardedTransport(our);
        BgpSpeaker one = BgpSpeaker.start(transport, delta -> {});
        BgpSpeaker two = BgpSpeaker.start(TcpTransport.in(network.router(2)), delta -> {});
        BgpSpeaker other = BgpSpeaker.start(TcpTransport.in(third), delta -> {})) {
      assertThatThrownBy(() -> one.set(settings))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("TCP-AO key 1/2 for 10.99.0.2/32")
          .hasMessageContaining("this kernel lacks CONFIG_TCP_AO");
      other.set(settings(3, 65003).withPeers(peer(1, 65001, false)));
      two.set(settings(2, 65002).withPeers(peer(1, 65001, false)));
      waitFor("the other one is let in", () -> one.peers().getLast().established());
      waitFor("why", () -> one.peers().getFirst().whyDown().orElse("").contains("CONFIG_TCP_AO"));
      waitFor("nobody is let in unsigned", () -> two.peers().getFirst().whyDown().isPresent());
      assertThat(one.peers().getFirst().sessions()).isZero();
      assertThat(one.peers() + "" + settings).doesNotContain("between us");
    }
  }
}
