// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static dev.fairway.bgp.Deadline.waitFor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.policy.Policy;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Signed segments and TTL security, held against BIRD 2, whoever connects.
class GuardsTest {
  private static final IpAddress OURS = IpAddress.parse("10.99.0.1");
  private static final IpAddress BIRDS = IpAddress.parse("10.99.0.2");

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void signedAndNear(boolean weConnect) throws Exception {
    Routes routes = new Routes();
    try (TestNetwork network = new TestNetwork()) {
      NetworkNamespace our = network.router(1);
      NetworkNamespace their = network.router(2);
      Bird.start(
          network,
          their,
          "bird",
          """
          protocol static s4 { ipv4; route 10.1.0.0/16 blackhole; }
          protocol bgp peer {
            local 10.99.0.2 as 65002; neighbor 10.99.0.1 as 65001;
            connect delay time 1; connect retry time 1; passive %s;
            password "between us"; ttl security on;
            ipv4 { import all; export all; };
          }
          """
              .formatted(weConnect ? "on" : "off"));
      PeerSocket guarded = PeerSocket.DEFAULT.withReach(new PeerSocket.Reach.Security(1));
      PeerProfile profile =
          PeerProfile.of(65002)
              .withConnectRetry(Duration.ofMillis(200))
              .withPassive(!weConnect)
              .withImport(Policy.ACCEPT_ALL);
      BgpSettings settings =
          BgpSettings.of(65001, OURS).withListen(new TransportAddress(OURS, 179));
      try (GuardedTransport transport = new GuardedTransport(our);
          BgpSpeaker speaker = BgpSpeaker.start(transport, routes)) {
        speaker.set(
            settings.withPeers(
                new PeerSettings(
                    BIRDS, profile.withSocket(guarded.withMd5Password("between us")))));
        waitFor("a signed session", () -> routes.size() == 1);

        speaker.set(
            settings.withPeers(
                new PeerSettings(BIRDS, profile.withSocket(guarded.withMd5Password("guessed")))));
        waitFor("the route is gone", () -> routes.size() == 0);
        assertThat(speaker.peers().getFirst().established()).isFalse();

        speaker.set(
            settings.withPeers(
                new PeerSettings(
                    BIRDS, profile.withSocket(guarded.withMd5Password("between us")))));
        waitFor("signed again", () -> routes.size() == 1);
      }
    }
  }
}
