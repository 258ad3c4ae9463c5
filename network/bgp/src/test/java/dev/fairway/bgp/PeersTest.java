// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static dev.fairway.bgp.Deadline.waitFor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.wire.Community;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Held against FRR and GoBGP, over IPv4 and IPv6.
class PeersTest {
  private static final IpAddress OURS = IpAddress.parse("10.99.0.1");
  private static final IpAddress THEIRS = IpAddress.parse("10.99.0.2");
  private static final IpAddress OURS6 = IpAddress.parse("fd99::1");
  private static final IpAddress THEIRS6 = IpAddress.parse("fd99::2");

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

  private static PeerProfile accepting(long as) {
    return PeerProfile.of(as)
        .withConnectRetry(Duration.ofMillis(300))
        .withImport(Policy.ACCEPT_ALL)
        .withExport(Policy.ACCEPT_ALL);
  }

  private static BgpSettings settings() {
    return BgpSettings.of(4_200_000_001L, OURS)
        .withListen(new TransportAddress(OURS, 179), new TransportAddress(OURS6, 179))
        .withNextHops(OURS, OURS6)
        .withAdvertisements(
            List.of(
                Advertisement.of(Prefix.parse("10.200.1.0/24"))
                    .withCommunities(Community.of(65001, 5)),
                Advertisement.of(Prefix.parse("fd00:1::/64"))));
  }

  private void bothFamiliesCome(String four, String six) throws Exception {
    waitFor("their routes", () -> routes.has(four) && routes.has(six));
    assertThat(routes.get(four).attributes().asPath()).hasToString("65002");
    waitFor(
        "End-of-RIB",
        () ->
            speaker.peers().getFirst().families().values().stream()
                .allMatch(PeerStatus.FamilyCounters::told));
  }

  @Test
  void frr() throws Exception {
    Path directory = network.directory();
    network.file(
        "bgpd.conf",
        """
        router bgp 65002
         bgp router-id 10.99.0.2
         no bgp ebgp-requires-policy
         no bgp network import-check
         no bgp default ipv4-unicast
         timers bgp connect 1
         neighbor fd99::1 remote-as 4200000001
         neighbor fd99::1 timers 3 9
         address-family ipv4 unicast
          network 10.2.0.0/16
          neighbor fd99::1 activate
         exit-address-family
         address-family ipv6 unicast
          network fd02::/32
          neighbor fd99::1 activate
         exit-address-family
        """);
    // They give up being root and still make their sockets here.
    java.nio.file.Files.setPosixFilePermissions(
        directory, java.nio.file.attribute.PosixFilePermissions.fromString("rwxrwxrwx"));
    String zebraSocket = directory.resolve("zserv.api").toString();
    network.file("zebra.conf", "");
    for (String daemon : List.of("zebra", "bgpd")) {
      network.start(
          their,
          daemon + ".log",
          "/usr/lib/frr/" + daemon,
          "-f",
          directory.resolve(daemon + ".conf").toString(),
          "-i",
          directory.resolve(daemon + ".pid").toString(),
          "-z",
          zebraSocket,
          "--vty_socket",
          directory.toString(),
          "-P",
          "0",
          "--log",
          "stdout");
      if (daemon.equals("zebra")) {
        waitFor("zebra", () -> java.nio.file.Files.exists(Path.of(zebraSocket)));
      }
    }
    speaker.set(settings().withPeers(new PeerSettings(THEIRS6, accepting(65002))));
    try {
      bothFamiliesCome("10.2.0.0/16", "fd02::/32");
      // Over IPv6 alone, IPv4 routes may have an IPv6 next hop (RFC 8950).
      assertThat(routes.get("10.2.0.0/16").nextHops().getFirst().peer()).isEqualTo(THEIRS6);
      waitFor("our route in FRR", () -> vtysh("show bgp ipv4 unicast").contains("10.200.1.0/24"));
      assertThat(vtysh("show bgp ipv4 unicast 10.200.1.0/24"))
          .contains("4200000001")
          .contains("65001:5");
      waitFor("in both", () -> vtysh("show bgp ipv6 unicast").contains("fd00:1::/64"));

      for (int flap = 1; flap <= 2; flap++) {
        long sessions = speaker.peers().getFirst().sessions();
        vtysh("clear bgp *");
        waitFor("down and up", () -> speaker.peers().getFirst().sessions() > sessions);
        bothFamiliesCome("10.2.0.0/16", "fd02::/32");
      }
      waitFor("ours again", () -> vtysh("show bgp ipv4 unicast").contains("10.200.1.0/24"));
    } catch (AssertionError e) {
      throw new AssertionError(
          e.getMessage() + "\n" + network.log("bgpd.log") + speaker.peers(), e);
    }
  }

  private String vtysh(String command) throws Exception {
    return TestNetwork.run(
        their, "vtysh", "--vty_socket", network.directory().toString(), "-c", command);
  }

  @Test
  void goBgp() throws Exception {
    Path config =
        network.file(
            "gobgp.toml",
            """
            [global.config]
              as = 65002
              router-id = "10.99.0.2"
            [[neighbors]]
              [neighbors.config]
                neighbor-address = "10.99.0.1"
                peer-as = 4200000001
              [neighbors.timers.config]
                connect-retry = 1
                hold-time = 9
              [neighbors.graceful-restart.config]
                enabled = true
                restart-time = 20
              [[neighbors.afi-safis]]
                [neighbors.afi-safis.config]
                  afi-safi-name = "ipv4-unicast"
                [neighbors.afi-safis.mp-graceful-restart.config]
                  enabled = true
              [[neighbors.afi-safis]]
                [neighbors.afi-safis.config]
                  afi-safi-name = "ipv6-unicast"
                [neighbors.afi-safis.mp-graceful-restart.config]
                  enabled = true
            """);
    network.start(
        their,
        "gobgp.log",
        "gobgpd",
        "-f",
        config.toString(),
        "--api-hosts",
        "127.0.0.1:50051",
        "--pprof-disable");
    waitFor("GoBGP", () -> gobgp("global").contains("65002"));
    gobgp("global", "rib", "add", "10.3.0.0/16", "community", "65002:9");
    gobgp("global", "rib", "add", "-a", "ipv6", "fd03::/32", "nexthop", "fd99::2");
    speaker.set(settings().withPeers(new PeerSettings(THEIRS, accepting(65002))));
    try {
      bothFamiliesCome("10.3.0.0/16", "fd03::/32");
      assertThat(routes.get("10.3.0.0/16").attributes().communities())
          .containsExactly(Community.of(65002, 9));
      assertThat(routes.get("fd03::/32").nextHops().getFirst().address()).isEqualTo(THEIRS6);
      waitFor("our route in GoBGP", () -> gobgp("global", "rib").contains("10.200.1.0/24"));
      waitFor("in both", () -> gobgp("global", "rib", "-a", "ipv6").contains("fd00:1::/64"));
      assertThat(gobgp("global", "rib", "10.200.1.0/24"))
          .contains("4200000001")
          .contains("65001:5");
      gobgp("global", "rib", "del", "10.3.0.0/16");
      waitFor("withdrawn by GoBGP", () -> !routes.has("10.3.0.0/16"));
      gobgp("neighbor", "10.99.0.1", "softresetin");
      for (int flap = 1; flap <= 2; flap++) {
        long sessions = speaker.peers().getFirst().sessions();
        gobgp("neighbor", "10.99.0.1", "disable"); // it waits half a minute after a reset
        waitFor("down", () -> !speaker.peers().getFirst().established());
        gobgp("neighbor", "10.99.0.1", "enable");
        waitFor("down and up", () -> speaker.peers().getFirst().sessions() > sessions);
        waitFor("their route", () -> routes.has("fd03::/32"));
        waitFor("ours again", () -> gobgp("global", "rib").contains("10.200.1.0/24"));
      }
      assertThat(speaker.peers().getFirst().families()).containsKey(IpFamily.IPV6);
    } catch (AssertionError e) {
      throw new AssertionError(
          e.getMessage() + "\n" + network.log("gobgp.log") + speaker.peers(), e);
    }
  }

  private String gobgp(String... words) throws Exception {
    String[] command = new String[words.length + 3];
    command[0] = "gobgp";
    command[1] = "-u";
    command[2] = "127.0.0.1";
    System.arraycopy(words, 0, command, 3, words.length);
    return TestNetwork.run(their, command);
  }
}
