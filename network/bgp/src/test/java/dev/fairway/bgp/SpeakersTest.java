// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static dev.fairway.bgp.Deadline.waitFor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.session.SessionState;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.MessageWriter;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.Origin;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.bgp.wire.SessionTerms;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Our speakers among themselves, and against a neighbour that lies.
class SpeakersTest {
  private static final SessionTerms EXTERNAL =
      new SessionTerms(false, true, 4096, Set.of(IpFamily.IPV4), false);

  private TestNetwork network;
  private final List<BgpSpeaker> speakers = new ArrayList<>();

  @BeforeEach
  void makeNetwork() throws Exception {
    network = new TestNetwork();
  }

  @AfterEach
  void removeNetwork() throws Exception {
    speakers.forEach(BgpSpeaker::close);
    network.close();
  }

  private static IpAddress address(int number) {
    return IpAddress.parse("10.99.0." + number);
  }

  private BgpSpeaker speaker(int number, RoutesListener listener) {
    NetworkNamespace router = network.router(number);
    BgpSpeaker speaker = BgpSpeaker.start(TcpTransport.in(router), listener);
    speakers.add(speaker);
    return speaker;
  }

  private static BgpSettings settings(int number, long as) {
    return BgpSettings.of(as, address(number))
        .withListen(new TransportAddress(address(number), 179))
        .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.200." + number + ".0/24"))));
  }

  private static PeerProfile quick(long as) {
    return PeerProfile.of(as)
        .withConnectRetry(Duration.ofMillis(100))
        .withFamilies(Set.of(IpFamily.IPV4));
  }

  private static PeerProfile accepting(long as) {
    return quick(as).withImport(Policy.ACCEPT_ALL).withExport(Policy.ACCEPT_ALL);
  }

  @Test
  void aMeshWhereAllConnectToAll() throws Exception {
    int nodes = 5;
    List<Routes> tables = new ArrayList<>();
    for (int i = 1; i <= nodes; i++) {
      tables.add(new Routes());
      speaker(i, tables.getLast());
    }
    for (int i = 1; i <= nodes; i++) {
      List<PeerSettings> peers = new ArrayList<>();
      for (int j = 1; j <= nodes; j++) {
        if (j != i) {
          peers.add(new PeerSettings(address(j), quick(64512)));
        }
      }
      speakers.get(i - 1).set(settings(i, 64512).withPeers(peers));
    }
    for (Routes table : tables) {
      waitFor("all others' routes", () -> table.size() == nodes - 1);
    }
    assertThat(tables.getFirst().get("10.200.3.0/24").nextHops())
        .containsExactly(new BestRoute.NextHop(address(3), address(3)));

    // One dies without a word; who watches tells.
    network.wire(3, false);
    for (int i : List.of(1, 2, 4, 5)) {
      speakers.get(i - 1).peerDown(address(3), "watched");
    }
    for (int i : List.of(1, 2, 4, 5)) {
      waitFor("gone", () -> !tables.get(i - 1).has("10.200.3.0/24"));
    }
    network.wire(3, true);
    speakers.get(2).peerDown(address(1), "watched");
    waitFor("back", () -> tables.getFirst().has("10.200.3.0/24"));
  }

  @Test
  void equalRoutesAreUsedTogether() throws Exception {
    Routes table = new Routes();
    BgpSpeaker one = speaker(1, table);
    List<PeerSettings> peers = new ArrayList<>();
    for (int i = 2; i <= 4; i++) {
      BgpSpeaker other = speaker(i, delta -> {});
      other.set(
          settings(i, 65000 + i)
              .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.50.0.0/16"))))
              .withPeers(new PeerSettings(address(1), accepting(65001))));
      peers.add(new PeerSettings(address(i), accepting(65000 + i)));
    }
    one.set(settings(1, 65001).withPeers(peers));
    waitFor(
        "three ways",
        () -> table.has("10.50.0.0/16") && table.get("10.50.0.0/16").nextHops().size() == 3);
    one.set(settings(1, 65001).withPeers(peers).withMultipath(new Multipath(2, 1)));
    waitFor("two ways", () -> table.get("10.50.0.0/16").nextHops().size() == 2);
    speakers.get(1).close();
    waitFor(
        "without the first",
        () -> table.get("10.50.0.0/16").nextHops().getFirst().peer().equals(address(3)));
  }

  /// RFC 8212: who is from outside and has no policy is told and believed nothing.
  @Test
  void noPolicyNoRoutes() throws Exception {
    Routes first = new Routes();
    Routes second = new Routes();
    BgpSpeaker one = speaker(1, first);
    BgpSpeaker two = speaker(2, second);
    one.set(settings(1, 65001).withPeers(new PeerSettings(address(2), quick(65002))));
    two.set(settings(2, 65002).withPeers(new PeerSettings(address(1), accepting(65001))));
    waitFor(
        "refused",
        () ->
            one.peers().getFirst().established()
                && one.peers().getFirst().families().get(IpFamily.IPV4).rejected() == 1);
    waitFor("told", () -> two.peers().getFirst().families().get(IpFamily.IPV4).told());
    assertThat(first.size()).isZero();
    assertThat(second.size()).isZero();
  }

  @Test
  void tooManyPrefixesEndTheSession() throws Exception {
    Routes table = new Routes();
    BgpSpeaker one = speaker(1, table);
    BgpSpeaker two = speaker(2, delta -> {});
    one.set(
        settings(1, 65001)
            .withPeers(
                new PeerSettings(
                    address(2),
                    accepting(65002).withPrefixLimit(new PrefixLimit(2, Optional.empty())))));
    List<Advertisement> three =
        List.of(
            Advertisement.of(Prefix.parse("10.1.0.0/16")),
            Advertisement.of(Prefix.parse("10.2.0.0/16")),
            Advertisement.of(Prefix.parse("10.3.0.0/16")));
    two.set(
        settings(2, 65002)
            .withAdvertisements(three)
            .withPeers(new PeerSettings(address(1), accepting(65001).withPassive(true))));
    waitFor(
        "the other side knows why",
        () -> two.peers().getFirst().whyDown().orElse("").contains("Maximum Number of Prefixes"));
    waitFor("nothing is left", () -> table.size() == 0);
    assertThat(one.peers().getFirst().whyDown().orElse("")).contains("more than 2 prefixes");
    assertThat(one.peers().getFirst().state()).isEqualTo(SessionState.ACTIVE);
  }

  @Test
  void strangersFromARange() throws Exception {
    Routes table = new Routes();
    BgpSpeaker hub = speaker(1, table);
    hub.set(
        settings(1, 64512)
            .withDynamicPeers(new DynamicPeers(Prefix.parse("10.99.0.0/24"), quick(64512), 2)));
    for (int i = 2; i <= 4; i++) {
      BgpSpeaker spoke = speaker(i, delta -> {});
      spoke.set(settings(i, 64512).withPeers(new PeerSettings(address(1), quick(64512))));
      int known = Math.min(i - 1, 2);
      waitFor("as many as may", () -> table.size() == known);
    }
    assertThat(hub.peers()).hasSize(2).allMatch(PeerStatus::dynamic);
    speakers.get(1).close();
    waitFor("the next may come", () -> table.has("10.200.4.0/24"));
    waitFor("and the first is forgotten", () -> hub.peers().size() == 2);
  }

  /// The routes stay in the kernel when the program ends, in either way.
  @Test
  void theEndTakesNoRoutes() throws Exception {
    Routes table = new Routes();
    BgpSpeaker one = speaker(1, table);
    Routes others = new Routes();
    BgpSpeaker two = speaker(2, others);
    one.set(settings(1, 64512).withPeers(new PeerSettings(address(2), quick(64512))));
    two.set(settings(2, 64512).withPeers(new PeerSettings(address(1), quick(64512))));
    waitFor("routes", () -> table.size() == 1 && others.size() == 1);
    one.closeForRestart();
    waitFor("the other keeps them, too", () -> !two.peers().getFirst().established());
    two.close();
    assertThat(table.lost() + others.lost()).isZero();
  }

  @Test
  void administrativelyDown() throws Exception {
    BgpSpeaker one = speaker(1, delta -> {});
    BgpSpeaker two = speaker(2, delta -> {});
    PeerSettings peer = new PeerSettings(address(2), quick(64512));
    one.set(settings(1, 64512).withPeers(peer));
    two.set(settings(2, 64512).withPeers(new PeerSettings(address(1), quick(64512))));
    waitFor("up", () -> one.peers().getFirst().established());
    one.set(
        settings(1, 64512)
            .withPeers(
                new PeerSettings(address(2), quick(64512).withShutdown("new cables until ten"))));
    waitFor(
        "told why",
        () -> two.peers().getFirst().whyDown().orElse("").contains("new cables until ten"));
    assertThat(one.peers().getFirst().state()).isEqualTo(SessionState.IDLE);
    one.set(settings(1, 64512).withPeers(peer));
    waitFor("up again", () -> one.peers().getFirst().established());
  }

  private static ByteBuffer hex(String text) {
    return ByteBuffer.wrap(HexFormat.of().parseHex(text.replace(" ", "")));
  }

  @Test
  void aNeighbourThatLies() throws Exception {
    Routes table = new Routes();
    BgpSpeaker honest = speaker(1, table);
    honest.set(
        settings(1, 65001)
            .withPeers(new PeerSettings(address(2), accepting(65002).withPassive(true))));
    NetworkNamespace router = network.router(2);
    String marker = "ff".repeat(16);
    PathAttributes good = PathAttributes.of(Origin.IGP, AsPath.of(65002L), address(2));
    try (Liar liar = new Liar(router, 2)) {
      liar.handshake();
      waitFor("up", () -> honest.peers().getFirst().established());
      for (ByteBuffer message :
          MessageWriter.reached(
              good,
              IpFamily.IPV4,
              List.of(Prefix.parse("10.1.0.0/16"), Prefix.parse("10.2.0.0/16")),
              EXTERNAL)) {
        liar.say(message);
      }
      waitFor("two routes", () -> table.size() == 2);
      // The origin is no origin: the one route counts as withdrawn, the session lives.
      liar.say(
          hex(marker + "002e 02 0000 0014 40010109 4002060201 0000fdea 4003040a630002 100a01"));
      waitFor("one route", () -> table.size() == 1 && table.has("10.2.0.0/16"));
      // Our own AS in the path: refused.
      for (ByteBuffer message :
          MessageWriter.reached(
              PathAttributes.of(Origin.IGP, AsPath.of(65002L, 65001L), address(2)),
              IpFamily.IPV4,
              List.of(Prefix.parse("10.3.0.0/16")),
              EXTERNAL)) {
        liar.say(message);
      }
      waitFor(
          "refused", () -> honest.peers().getFirst().families().get(IpFamily.IPV4).rejected() == 1);
      assertThat(honest.peers().getFirst().messages().malformedUpdates()).isEqualTo(1);
      assertThat(honest.peers().getFirst().sessions()).isEqualTo(1);
      // A prefix of 33 bits: nothing after it can be read.
      liar.say(
          hex(marker + "0031 02 0000 0014 40010100 4002060201 0000fdea 4003040a630002")
              .duplicate());
      liar.say(hex("21 0a01000000"));
      assertThat(liar.lastWords()).isEqualTo(Notification.of(Notification.UPDATE, 10));
    }
    waitFor("nothing is left", () -> table.size() == 0);
    for (String[] lie :
        new String[][] {
          {"00".repeat(16) + "0013 04", "1", "1"},
          {marker + "0013 09", "1", "3"},
          {marker + "0012 04", "1", "2"},
          {marker + "001d 01 03 fdea 005a 0a630002 00", "2", "1"},
          {marker + "001d 01 04 fdeb 005a 0a630002 00", "2", "2"},
          {marker + "001d 01 04 fdea 005a 00000000 00", "2", "3"},
          {marker + "001d 01 04 fdea 0002 0a630002 00", "2", "6"},
          {marker + "0013 04", "5", "1"},
        }) {
      try (Liar liar = new Liar(router, 2)) {
        liar.say(hex(lie[0]));
        Notification answer = liar.lastWords();
        assertThat(answer.code()).as(lie[0]).isEqualTo(Integer.parseInt(lie[1]));
        assertThat(answer.subcode()).as(lie[0]).isEqualTo(Integer.parseInt(lie[2]));
      }
    }
    try (Liar liar = new Liar(router, 2)) {
      liar.handshake();
      waitFor("up once more", () -> honest.peers().getFirst().established());
    }
  }
}
