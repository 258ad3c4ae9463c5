// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.PeerStatus;
import dev.fairway.bgp.bfd.BfdDiagnostic;
import dev.fairway.bgp.bfd.BfdState;
import dev.fairway.bgp.bfd.BfdStatus;
import dev.fairway.bgp.session.SessionState;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.podnet.nodes.ClusterNodes;
import dev.fairway.podnet.status.NodeStatus.Peer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// What is shown of neighbours.
final class PeersTest {
  private static final IpAddress ROUTER = IpAddress.parse("10.240.0.1");

  @Test
  void aPeerTellsItsRoutesOfBothFamiliesOrWhyThereAreNone() {
    BfdStatus watched =
        new BfdStatus(
            ROUTER,
            BfdState.UP,
            BfdState.UP,
            BfdDiagnostic.NONE,
            Duration.ofMillis(150),
            Duration.ofMillis(50),
            0);
    List<Peer> peers =
        Peers.of(
            List.of(
                peer(SessionState.ESTABLISHED, Optional.of("the last one: hold timer expired")),
                peer(SessionState.ACTIVE, Optional.of("connection refused")),
                peer(SessionState.CONNECT, Optional.empty())),
            List.of(watched),
            ClusterNodes.NONE);
    assertThat(peers)
        .containsExactly(
            new Peer(
                "10.240.0.1", "", 64512, "Established", "2026-01-02T03:04:05Z", 5, 7, "up", ""),
            new Peer(
                "10.240.0.1",
                "",
                64512,
                "Active",
                "2026-01-02T03:04:05Z",
                5,
                7,
                "up",
                "connection refused"),
            new Peer(
                "10.240.0.1",
                "",
                64512,
                "Connect",
                "2026-01-02T03:04:05Z",
                5,
                7,
                "up",
                "no connection yet, and no word why"));
    assertThat(Advice.ofPeer(peers.getFirst())).contains("TCP port 179 of 10.240.0.1");
  }

  private static PeerStatus peer(SessionState state, Optional<String> whyDown) {
    return new PeerStatus(
        ROUTER,
        64512,
        false,
        state,
        Instant.parse("2026-01-02T03:04:05.678Z"),
        whyDown,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        List.of(),
        Map.of(
            IpFamily.IPV4, new PeerStatus.FamilyCounters(2, 0, 3, 0, true),
            IpFamily.IPV6, new PeerStatus.FamilyCounters(3, 0, 4, 0, true)),
        1,
        new PeerStatus.MessageCounters(0, 0, 0, 0, 0));
  }
}
