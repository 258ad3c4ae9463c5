// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.PeerSettings;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.Origin;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.bgp.BgpPlan.MachineAddress;
import dev.fairway.podnet.bgp.BgpPlan.Situation;
import dev.fairway.podnet.nodes.ClusterNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Whom a node speaks with and what it believes.
class BgpPlanTest {
  private static final String ROUTERS =
      """
      as: 64512
      bfd: true
      peers:
      - {name: good, address: 10.240.0.2, as: 65000, bfd: true}
      - {name: itself, address: 10.240.0.20, as: 65000}
      - {name: node, address: 10.240.0.21, as: 65000}
      - {name: six, address: "fd00:240::2", as: 65000, bfd: true}
      - {name: elsewhere, address: "fd00:240::3", as: 65000, nodes: [worker-1]}
      """;

  private static BgpPlan plan(String bgp, ClusterNode... others) {
    IpAddress own = IpAddress.parse("10.240.0.20");
    return BgpPlan.of(
        new Situation(
            BgpFabric.node(0),
            List.of(others),
            BgpFabric.settings(bgp),
            List.of(new MachineAddress(own, new Prefix(own, 24))),
            Map.of(),
            false));
  }

  private static List<String> peers(BgpPlan plan) {
    List<String> all = new ArrayList<>();
    for (PeerSettings peer : plan.speaker().peers()) {
      all.add(peer.address().toString());
    }
    return all;
  }

  /// One neighbour that cannot be must not cost the others.
  @Test
  void whoCannotBeIsLeftOutAndNamed() {
    ClusterNode twin =
        new ClusterNode(
            "worker-7",
            BgpFabric.node(2).address(),
            List.of(Prefix.parse("10.200.7.0/24")),
            Optional.empty());
    BgpPlan plan = plan(ROUTERS, BgpFabric.node(1), BgpFabric.node(2), twin);
    assertThat(peers(plan)).containsExactly("10.240.0.21", "10.240.0.22", "10.240.0.2");
    assertThat(plan.bfd()).hasSize(3);
    assertThat(plan.problems())
        .containsExactly(
            "node worker-7: its address 10.240.0.22 is that of another neighbour",
            "BGP peer itself: its address 10.240.0.20 is this machine's own",
            "BGP peer node: its address 10.240.0.21 is that of another neighbour",
            "BGP peer six: this machine has no address of the family of fd00:240::2",
            "node worker-0: the machine has no IPv6 address, so pods of that family cannot be"
                + " reached from other nodes");
  }

  @ParameterizedTest
  @CsvSource({
    // of another node
    "0, 10.200.1.0/24, true",
    "0, 10.200.1.77/32, true",
    "0, 10.200.2.0/24, false",
    "0, 10.200.0.0/16, false",
    "0, 10.200.0.0/24, false", // ours
    "0, 10.200.0.9/32, true", // out of ours, but its Node object has it
    "0, 10.200.0.10/32, false",
    "0, fd00:200:0:1::/64, true",
    "0, 203.0.113.0/24, true",
    "0, 0.0.0.0/0, false",
    "0, 10.240.0.0/25, false",
    "0, 169.254.169.254/32, false",
    // of a router
    "1, 203.0.113.0/24, true",
    "1, 10.200.1.0/24, false",
    "1, 10.200.0.0/24, false",
    "1, 10.240.0.21/32, false",
    "1, 127.0.0.0/8, false",
    "1, 224.0.0.0/4, false",
    "1, fe80::/64, false",
    "1, 0.0.0.0/0, false",
    "1, ::/0, false",
  })
  void whatIsBelieved(int peer, String prefix, boolean believed) {
    ClusterNode one = BgpFabric.node(1);
    List<Prefix> ranges = new ArrayList<>(one.ranges());
    ranges.add(Prefix.parse("10.200.0.9/32"));
    BgpPlan plan =
        plan(
            "{as: 64512, peers: [{name: tor, address: 10.240.0.2, as: 65000}]}",
            new ClusterNode(one.name(), one.address(), ranges, Optional.empty()));
    PathAttributes way =
        PathAttributes.of(Origin.IGP, AsPath.of(65000L), IpAddress.parse("10.240.0.2"));
    assertThat(
            plan.speaker()
                .peers()
                .get(peer)
                .profile()
                .importPolicy()
                .orElseThrow()
                .apply(Prefix.parse(prefix), way)
                .isPresent())
        .isEqualTo(believed);
  }
}
