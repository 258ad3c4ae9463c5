// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.DeleteRoute;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The real kernel; `ip` is the independent eye.
class NextHopRoutesTest {
  private static final RouteSet SET = new RouteSet(Route.TABLE_MAIN, 86, 32);
  private final NetworkNamespace node = NetworkNamespace.createAnonymous();
  private final NetworkNamespace peer = NetworkNamespace.createAnonymous();
  private final RouteNetlink links = RouteNetlink.open(node);
  private final NextHopRoutes routes = NextHopRoutes.open(node, SET);

  @BeforeEach
  void wire() {
    links.apply(
        new AddVeth(
            LinkSpec.named("eth0").withIndex(2).withUp(),
            LinkSpec.named("eth0").withIndex(2).in(peer)),
        new PutAddress(LinkAddress.of(2, ip("192.0.2.1"), 24)),
        new PutAddress(LinkAddress.of(2, ip("2001:db8::1"), 64)));
    try (RouteNetlink far = RouteNetlink.open(peer)) {
      far.apply(ChangeLink.of(2).setUp());
    }
    routes.put(
        List.of(
            new NextHop.Gateway(101, 86, ip("192.0.2.11"), 2, false),
            new NextHop.Gateway(102, 86, ip("192.0.2.12"), 2, false),
            new NextHop.Gateway(103, 86, ip("2001:db8::13"), 2, true),
            new NextHop.Group(200, 86, List.of(101, 102))));
  }

  @AfterEach
  void close() {
    routes.close();
    links.close();
    node.close();
    peer.close();
  }

  private static IpAddress ip(String text) {
    return IpAddress.parse(text);
  }

  private String run(String... command) throws Exception {
    Process process = node.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  @Test
  void oneChangeOfANextHopMovesAllItsRoutes() throws Exception {
    Prefix ten = Prefix.parse("10.1.0.0/16");
    Prefix six = Prefix.parse("2001:db8:1::/48");
    Prefix all = Prefix.parse("0.0.0.0/0");
    Map<Prefix, Integer> wanted = Map.of(ten, 200, six, 103, all, 101);
    assertThat(routes.change(wanted, List.of())).isEmpty();
    assertThat(routes.routes()).isEqualTo(wanted);
    assertThat(run("ip", "route", "show", "10.1.0.0/16"))
        .contains("nhid 200", "proto 86", "metric 32", "via 192.0.2.11", "via 192.0.2.12");
    assertThat(run("ip", "-6", "route", "show", "2001:db8:1::/48"))
        .contains("nhid 103", "via 2001:db8::13");
    assertThat(routes.nextHops()).hasSize(4);

    routes.put(List.of(new NextHop.Group(200, 86, List.of(102))));
    assertThat(run("ip", "route", "show", "10.1.0.0/16"))
        .contains("192.0.2.12")
        .doesNotContain("192.0.2.11");
    assertThat(links.routeTo(ip("10.1.2.3")).orElseThrow().gateway()).isEqualTo(ip("192.0.2.12"));
    assertThat(links.routeTo(ip("2001:db8:1::5")).orElseThrow().gateway())
        .isEqualTo(ip("2001:db8::13"));
    assertThat(links.routeTo(ip("192.0.2.77")).orElseThrow().gateway()).isNull();
    assertThat(links.routeTo(ip("2001:db9::1"))).isEmpty();

    assertThat(routes.change(Map.of(ten, 102), List.of(all, Prefix.parse("10.9.0.0/16"))))
        .isEmpty();
    assertThat(routes.routes()).isEqualTo(Map.of(ten, 102, six, 103));
    routes.delete(List.of(103, 999));
    assertThat(routes.routes()).isEqualTo(Map.of(ten, 102));
  }

  @Test
  void othersRoutesAreLeftAlone() throws Exception {
    Prefix ten = Prefix.parse("10.1.0.0/16");
    links.apply(new PutRoute(Route.to(ten).via(ip("192.0.2.99")).on(2).withMetric(7)));
    routes.change(Map.of(ten, 101), List.of());
    routes.change(Map.of(), List.of(ten));
    assertThat(run("ip", "route", "show", "10.1.0.0/16")).contains("192.0.2.99");
    assertThat(routes.routes()).isEmpty();
  }

  /// IPv6 needs to be told whose route it is.
  @Test
  void deletingAPlainRouteLeavesOursAlone() throws Exception {
    Prefix six = Prefix.parse("2001:db8:1::/48");
    Route plain = Route.to(six).via(ip("2001:db8::99")).on(2);
    links.apply(new PutRoute(plain));
    routes.change(Map.of(six, 103), List.of());
    links.apply(new DeleteRoute(plain));
    assertThat(run("ip", "-6", "route", "show", "2001:db8:1::/48"))
        .contains("proto 86")
        .doesNotContain("static");
  }

  @Test
  void aRefusalTakesNoOthersAlong() {
    Prefix good = Prefix.parse("10.1.0.0/16");
    Prefix bad = Prefix.parse("10.2.0.0/16");
    Map<Prefix, Integer> wanted = new LinkedHashMap<>();
    wanted.put(bad, 999);
    wanted.put(good, 200);
    assertThat(routes.change(wanted, List.of())).containsOnlyKeys(bad);
    assertThat(routes.routes()).isEqualTo(Map.of(good, 200));
    Map<Integer, String> refused =
        routes.put(
            List.of(
                new NextHop.Gateway(300, 86, ip("203.0.113.9"), 2, false), // not there
                new NextHop.Group(301, 86, List.of(998)),
                new NextHop.Gateway(302, 86, ip("192.0.2.15"), 2, false)));
    assertThat(refused).containsOnlyKeys(300, 301);
    assertThat(refused.get(300)).contains("invalid gateway");
    assertThat(routes.nextHops()).extracting(NextHop::id).contains(302);
  }

  @Test
  void tenThousand() {
    Map<Prefix, Integer> wanted = new LinkedHashMap<>();
    for (int i = 0; i < 10_000; i++) {
      wanted.put(new Prefix(IpAddress.ofIpv4(0x0b000000 + (i << 8)), 24), 200);
    }
    // A way dies while they are put.
    Runnable death = () -> routes.put(List.of(new NextHop.Group(200, 86, List.of(102))));
    assertThat(routes.change(wanted, List.of(), death)).isEmpty();
    assertThat(routes.routes()).isEqualTo(wanted);
    assertThat(links.routeTo(ip("11.0.5.1")).orElseThrow().gateway()).isEqualTo(ip("192.0.2.12"));
    assertThat(routes.change(Map.of(), wanted.keySet())).isEmpty();
    assertThat(routes.routes()).isEmpty();
  }

  @Test
  void anyBytesGiveANextHopOrNothing() {
    Random random = new Random(104);
    for (int i = 0; i < 100_000; i++) {
      byte[] bytes = new byte[random.nextInt(80)];
      random.nextBytes(bytes);
      for (int at = 8; at + 4 < bytes.length; at += 8) {
        bytes[at] = (byte) (4 + random.nextInt(16));
        bytes[at + 1] = 0;
        bytes[at + 2] = (byte) random.nextInt(32);
        bytes[at + 3] = 0;
      }
      NetlinkReader reader = new NetlinkReader(bytes, 0, bytes.length);
      NextHopWire.read(NextHopWire.NEWNEXTHOP, reader);
      NextHopWire.readRoute(reader, SET, (prefix, hop) -> {});
    }
  }
}
