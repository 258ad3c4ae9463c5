// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static dev.fairway.bgp.Deadline.waitFor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.policy.Change;
import dev.fairway.bgp.policy.Condition;
import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.policy.PrefixRange;
import dev.fairway.bgp.policy.Rule;
import dev.fairway.bgp.wire.Community;
import dev.fairway.bgp.wire.LargeCommunity;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Held against BIRD 2.
class BirdTest {
  private static final IpAddress OURS = IpAddress.parse("10.99.0.1");
  private static final IpAddress BIRDS = IpAddress.parse("10.99.0.2");

  private TestNetwork network;
  private NetworkNamespace our;
  private NetworkNamespace their;
  private final Routes routes = new Routes();
  private BgpSpeaker speaker;

  @BeforeEach
  void makeNetwork() throws Exception {
    network = new TestNetwork();
    our = network.router(1);
    their = network.router(2);
    speaker = BgpSpeaker.start(TcpTransport.in(our), routes);
  }

  @AfterEach
  void removeNetwork() throws Exception {
    speaker.close();
    network.close();
  }

  private static BgpSettings settings(long as) {
    return BgpSettings.of(as, OURS)
        .withListen(new TransportAddress(OURS, 179))
        .withNextHops(OURS, IpAddress.parse("fd99::1"));
  }

  private static PeerProfile accepting(long as) {
    return PeerProfile.of(as)
        .withConnectRetry(Duration.ofMillis(300))
        .withImport(Policy.ACCEPT_ALL)
        .withExport(Policy.ACCEPT_ALL);
  }

  private PeerStatus peer() {
    return speaker.peers().getFirst();
  }

  @Test
  void bothFamiliesBothWays() throws Exception {
    Bird bird =
        Bird.start(
            network,
            their,
            "bird",
            """
            protocol static s4 { ipv4; route 10.1.0.0/16 blackhole { bgp_community.add((65002,7)); bgp_large_community.add((65002,1,2)); }; }
            protocol static s6 { ipv6; route fd01::/32 blackhole; }
            protocol bgp peer {
              local 10.99.0.2 as 65002; neighbor 10.99.0.1 as 65001;
              connect delay time 1; connect retry time 1;
              ipv4 { import all; export all; };
              ipv6 { import all; export all; next hop address fd99::2; };
            }
            """);
    speaker.set(
        settings(65001)
            .withPeers(new PeerSettings(BIRDS, accepting(65002)))
            .withAdvertisements(
                List.of(
                    Advertisement.of(Prefix.parse("10.200.1.0/24"))
                        .withCommunities(Community.of(65001, 5))
                        .withLargeCommunities(LargeCommunity.of(4_200_000_000L, 1, 2)),
                    Advertisement.of(Prefix.parse("fd00:1::/64")))));
    waitFor("two routes from BIRD", () -> routes.size() == 2);
    BestRoute four = routes.get("10.1.0.0/16");
    assertThat(four.nextHops()).containsExactly(new BestRoute.NextHop(BIRDS, BIRDS));
    assertThat(four.attributes().asPath()).hasToString("65002");
    assertThat(four.attributes().communities()).containsExactly(Community.of(65002, 7));
    assertThat(four.attributes().largeCommunities())
        .containsExactly(LargeCommunity.of(65002, 1, 2));
    assertThat(routes.get("fd01::/32").nextHops().getFirst().address())
        .isEqualTo(IpAddress.parse("fd99::2"));
    waitFor("our route in BIRD", () -> bird.ask("show", "route", "all").contains("fd00:1::/64"));
    assertThat(bird.ask("show", "route", "10.200.1.0/24", "all"))
        .contains("BGP.next_hop: 10.99.0.1")
        .contains("(65001,5)")
        .contains("(4200000000, 1, 2)")
        .contains("BGP.as_path: 65001");
    assertThat(bird.ask("show", "route", "fd00:1::/64", "all")).contains("fd99::1");
    waitFor("End-of-RIB", () -> peer().families().get(IpFamily.IPV6).told());
    assertThat(peer().established()).isTrue();

    speaker.set(settings(65001).withPeers(new PeerSettings(BIRDS, accepting(65002))));
    waitFor("withdrawn in BIRD", () -> !bird.ask("show", "route", "all").contains("10.200.1.0/24"));
    bird.tell("disable", "s4");
    waitFor("withdrawn by BIRD", () -> routes.size() == 1);
  }

  private static final String GRACEFUL =
      """
      protocol static s4 { ipv4; route 10.1.0.0/16 blackhole; }
      protocol bgp peer {
        local 10.99.0.2 as 65002; neighbor 10.99.0.1 as 65001;
        connect delay time 1; connect retry time 1; error wait time 1,2;
        graceful restart on; graceful restart time 60;
        ipv4 { import all; export all; };
      }
      """;

  @Test
  void birdRestartsGracefully() throws Exception {
    Bird bird = Bird.start(network, their, "bird", GRACEFUL);
    speaker.set(settings(65001).withPeers(new PeerSettings(BIRDS, accepting(65002))));
    waitFor("BIRD's route", () -> routes.size() == 1);
    waitFor("End-of-RIB", () -> peer().families().get(IpFamily.IPV4).told());
    bird.kill();
    waitFor("the session is down", () -> !peer().established());
    assertThat(speaker.routes()).singleElement().matches(BestRoute::stale);
    bird.restart();
    waitFor("the session is up", () -> peer().established());
    waitFor("the route is fresh", () -> speaker.routes().stream().noneMatch(BestRoute::stale));
    assertThat(routes.size()).isEqualTo(1);
    assertThat(routes.lost()).isZero();
  }

  @Test
  void weRestartGracefully() throws Exception {
    Bird bird = Bird.start(network, their, "bird", GRACEFUL);
    BgpSettings settings =
        settings(65001)
            .withPeers(new PeerSettings(BIRDS, accepting(65002)))
            .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.200.1.0/24"))));
    speaker.set(settings);
    waitFor("our route in BIRD", () -> bird.ask("show", "route").contains("10.200.1.0/24"));
    speaker.closeForRestart();
    waitFor(
        "BIRD waits for us",
        () -> bird.ask("show", "protocols", "all", "peer").contains("graceful restart active"));
    assertThat(bird.ask("show", "route")).contains("10.200.1.0/24");

    Routes second = new Routes();
    try (BgpSpeaker next = BgpSpeaker.start(TcpTransport.in(our), second)) {
      next.set(settings.withGracefulRestart(GracefulRestart.DEFAULT.asRestarting()));
      assertThat(second.size()).isZero();
      waitFor("all is told", second::settled);
      assertThat(second.size()).isEqualTo(1);
      waitFor(
          "BIRD waits no more",
          () -> !bird.ask("show", "protocols", "all", "peer").contains("restart active"));
      assertThat(bird.ask("show", "route")).contains("10.200.1.0/24");
    }
  }

  @Test
  void aFilterChangesWithoutANewSession() throws Exception {
    Bird bird =
        Bird.start(
            network,
            their,
            "bird",
            GRACEFUL.replace(
                "route 10.1.0.0/16 blackhole;",
                "route 10.1.0.0/16 blackhole; route 10.2.0.0/16 blackhole;"));
    speaker.set(
        settings(65001)
            .withPeers(new PeerSettings(BIRDS, accepting(65002)))
            .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.200.1.0/24")))));
    waitFor("BIRD's routes", () -> routes.size() == 2);
    waitFor("our route", () -> bird.ask("show", "route").contains("10.200.1.0/24"));
    Policy onlyOne =
        Policy.of(
            Rule.accept(
                    new Condition.InPrefixes(
                        List.of(new PrefixRange(Prefix.parse("10.2.0.0/15"), 16, 24))))
                .changing(new Change.SetLocalPreference(7)));
    speaker.set(
        settings(65001)
            .withPeers(
                new PeerSettings(
                    BIRDS, accepting(65002).withImport(onlyOne).withExport(Policy.REJECT_ALL)))
            .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.200.1.0/24")))));
    waitFor("one route is left", () -> routes.size() == 1 && routes.has("10.2.0.0/16"));
    waitFor(
        "its preference is set",
        () -> routes.get("10.2.0.0/16").attributes().localPreference().equals(Optional.of(7L)));
    waitFor("ours is withdrawn", () -> !bird.ask("show", "route").contains("10.200.1.0/24"));
    assertThat(peer().sessions()).isEqualTo(1);
    bird.tell("reload", "out", "peer");
    bird.tell("disable", "s4");
    waitFor("BIRD withdraws", () -> routes.size() == 0);
  }

  @Test
  void weReflectBetweenClients() throws Exception {
    IpAddress third = IpAddress.parse("10.99.0.3");
    NetworkNamespace other = network.router(3);
    String config =
        """
        protocol static s4 { ipv4; route 10.%1$d.0.0/16 blackhole; }
        protocol bgp peer {
          local 10.99.0.%1$d as 65001; neighbor 10.99.0.1 as 65001;
          connect delay time 1; connect retry time 1;
          ipv4 { import all; export all; };
        }
        """;
    final Bird client = Bird.start(network, their, "client", config.formatted(2));
    final Bird second = Bird.start(network, other, "second", config.formatted(3));
    PeerProfile profile = accepting(65001);
    speaker.set(
        settings(65001)
            .withPeers(
                new PeerSettings(BIRDS, profile.withReflectorClient(true)),
                new PeerSettings(third, profile)));
    waitFor("reflected to the other", () -> second.ask("show", "route").contains("10.2.0.0/16"));
    assertThat(second.ask("show", "route", "10.2.0.0/16", "all"))
        .contains("BGP.originator_id: 10.99.0.2")
        .contains("BGP.cluster_list: 10.99.0.1")
        .contains("BGP.next_hop: 10.99.0.2");
    waitFor("and to the client", () -> client.ask("show", "route").contains("10.3.0.0/16"));
  }

  /// A neighbour that is there by both families, with a session of its own for each.
  @Test
  void aSessionAFamily() throws Exception {
    IpAddress ours6 = IpAddress.parse("fd99::1");
    IpAddress birds6 = IpAddress.parse("fd99::2");
    Bird bird =
        Bird.start(
            network,
            their,
            "bird",
            """
            protocol static s4 { ipv4; route 10.1.0.0/16 blackhole; }
            protocol static s6 { ipv6; route fd01::/32 blackhole; }
            template bgp any { local as 65002; connect delay time 1; connect retry time 1; }
            protocol bgp four from any {
              neighbor 10.99.0.1 as 65001; ipv4 { import all; export all; }; }
            protocol bgp six from any {
              neighbor fd99::1 as 65001; ipv6 { import all; export all; }; }
            """);
    speaker.set(
        settings(65001)
            .withListen(new TransportAddress(OURS, 179), new TransportAddress(ours6, 179))
            .withPeers(
                new PeerSettings(BIRDS, accepting(65002).withFamilies(Set.of(IpFamily.IPV4))),
                new PeerSettings(birds6, accepting(65002).withFamilies(Set.of(IpFamily.IPV6))))
            .withAdvertisements(
                List.of(
                    Advertisement.of(Prefix.parse("10.200.1.0/24")),
                    Advertisement.of(Prefix.parse("fd00:1::/64")))));
    waitFor("two routes from BIRD", () -> routes.size() == 2);
    assertThat(routes.get("10.1.0.0/16").nextHops())
        .containsExactly(new BestRoute.NextHop(BIRDS, BIRDS));
    assertThat(routes.get("fd01::/32").nextHops())
        .containsExactly(new BestRoute.NextHop(birds6, birds6));
    waitFor("our IPv4 route", () -> bird.ask("show", "route").contains("10.200.1.0/24"));
    waitFor("our IPv6 route", () -> bird.ask("show", "route").contains("fd00:1::/64"));
    bird.tell("disable", "four");
    waitFor("only one family is left", () -> routes.size() == 1 && routes.has("fd01::/32"));
  }

  @Test
  void sessionsThatFlap() throws Exception {
    String flapping = GRACEFUL.replace("graceful restart on; graceful restart time 60;", "");
    Bird bird = Bird.start(network, their, "bird", flapping);
    speaker.set(
        settings(65001)
            .withPeers(new PeerSettings(BIRDS, accepting(65002)))
            .withAdvertisements(List.of(Advertisement.of(Prefix.parse("10.200.1.0/24")))));
    for (int flap = 1; flap <= 3; flap++) {
      int sessions = flap;
      waitFor(
          "session " + flap,
          () -> peer().established() && peer().sessions() >= sessions && routes.size() == 1);
      waitFor("our route", () -> bird.ask("show", "route").contains("10.200.1.0/24"));
      bird.tell("restart", "peer");
      waitFor("down and up", () -> peer().sessions() > sessions || !peer().established());
    }
    waitFor("the last session", () -> peer().established() && routes.size() == 1);
    assertThat(peer().families().get(IpFamily.IPV4).accepted()).isEqualTo(1);
  }
}
