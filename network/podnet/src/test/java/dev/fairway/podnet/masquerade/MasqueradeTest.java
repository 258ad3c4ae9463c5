// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.masquerade;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.PodLab;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The rules in a real kernel, with a node and a world outside.
final class MasqueradeTest {
  private static final String POD = "10.200.0.1";
  private static final String NODE = "192.0.2.1";
  private static final Prefix PODS = Prefix.parse("10.200.0.0/16");

  private final NetworkNamespace node = NetworkNamespace.createAnonymous();
  private final NetworkNamespace world = NetworkNamespace.createAnonymous();
  private final Masquerade masquerade = new Masquerade(node);

  @AfterEach
  void close() {
    masquerade.close();
    node.close();
    world.close();
  }

  private static MasqueradeRules rules(List<Prefix> own, List<Prefix> spared) {
    return new MasqueradeRules(
        own, spared, List.of(IpAddress.parse(NODE), IpAddress.parse("192.0.2.2")));
  }

  private static MasqueradeRules dualStack() {
    return rules(
        List.of(Prefix.parse("10.200.0.0/24"), Prefix.parse("fd00:200::/64")),
        List.of(PODS, Prefix.parse("fd00:200::/48")));
  }

  private String tables() throws Exception {
    return PodLab.run(node, "nft", "list", "tables");
  }

  @Test
  void hundredsOfRangesAreSparedAndTheWorldIsNot() throws Exception {
    try (RouteNetlink inNode = RouteNetlink.open(node);
        RouteNetlink inWorld = RouteNetlink.open(world)) {
      inNode.apply(
          RouteRequest.ChangeLink.of(1).setUp(),
          new RouteRequest.AddVeth(
              LinkSpec.named("eth0").withIndex(10).withUp(),
              LinkSpec.named("eth0").withIndex(11).in(world)),
          new RouteRequest.PutAddress(LinkAddress.of(1, IpAddress.parse(POD), 32)),
          new RouteRequest.PutAddress(LinkAddress.of(10, IpAddress.parse(NODE), 24)),
          RouteRequest.ChangeLink.of(10).setUp(),
          new RouteRequest.PutRoute(
              Route.to(Prefix.parse("0.0.0.0/0")).via(IpAddress.parse("192.0.2.2")).on(10)));
      inWorld.apply(
          RouteRequest.ChangeLink.of(1).setUp(),
          RouteRequest.ChangeLink.of(11).setUp(),
          new RouteRequest.PutAddress(LinkAddress.of(11, IpAddress.parse("192.0.2.2"), 24)),
          new RouteRequest.PutAddress(LinkAddress.of(1, IpAddress.parse("198.51.100.7"), 32)),
          new RouteRequest.PutAddress(LinkAddress.of(1, IpAddress.parse("203.0.113.7"), 32)),
          new RouteRequest.PutRoute(Route.to(PODS).via(IpAddress.parse(NODE)).on(11)));
    }
    List<Prefix> spared = new ArrayList<>(List.of(PODS));
    for (int i = 0; i < 200; i++) {
      spared.add(Prefix.parse("172.16." + i + ".0/24"));
      spared.add(Prefix.parse("fd00:16:" + Integer.toHexString(i) + "::/48"));
    }
    spared.add(Prefix.parse("198.51.100.0/25"));
    masquerade.set(
        rules(
            List.of(
                Prefix.parse("10.200.7.0/24"),
                Prefix.parse("10.200.0.0/24"),
                Prefix.parse("fd00:200::/64")),
            spared));
    assertThat(PodLab.run(node, "nft", "list", "chain", "ip", "fairway-podnet", "from-pods"))
        .contains("ip daddr 198.51.100.0/25 return", "ip daddr != @nodes masquerade");
    assertThat(PodLab.run(node, "nft", "list", "table", "ip6", "fairway-podnet"))
        .contains("ip6 saddr fd00:200::/64 jump from-pods", "ip6 daddr fd00:16:c7::/48 return");
    assertThat(sourceSeenAt("203.0.113.7")).isEqualTo(NODE);
    assertThat(sourceSeenAt("198.51.100.7")).as("spared").isEqualTo(POD);
    assertThat(sourceSeenAt("192.0.2.2")).as("a machine of the cluster").isEqualTo(POD);
  }

  private String sourceSeenAt(String destination) throws Exception {
    InetAddress to = InetAddress.ofLiteral(destination);
    try (DatagramSocket listening = world.call(() -> new DatagramSocket(0, to));
        DatagramSocket sending =
            node.call(() -> new DatagramSocket(0, InetAddress.ofLiteral(POD)))) {
      listening.setSoTimeout(30_000);
      sending.send(new DatagramPacket(new byte[1], 1, to, listening.getLocalPort()));
      DatagramPacket seen = new DatagramPacket(new byte[1], 1);
      listening.receive(seen);
      return seen.getAddress().getHostAddress();
    }
  }

  @Test
  void aTableOfOneFamilyThatSomebodyDeletesComesBack() throws Exception {
    masquerade.set(dualStack());
    PodLab.run(node, "nft", "delete table ip6 fairway-podnet");
    masquerade.set(dualStack());
    assertThat(tables()).contains("ip fairway-podnet", "ip6 fairway-podnet");
  }

  @Test
  void nothingIsSentToTheKernelThatIsSoAlready() throws Exception {
    MasqueradeRules none = rules(List.of(), List.of(PODS));
    try (NfTables others = node.call(() -> NfTables.open())) {
      long before = others.strangers();
      masquerade.set(none);
      masquerade.set(none);
      assertThat(others.strangers()).as("changes where nothing is wanted").isEqualTo(before);
      masquerade.set(dualStack());
      long changed = others.strangers();
      assertThat(changed).isGreaterThan(before);
      masquerade.set(dualStack());
      assertThat(others.strangers()).isEqualTo(changed);
      masquerade.set(none);
      assertThat(tables()).doesNotContain("fairway-podnet");
    }
  }
}
