// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import static dev.fairway.bgp.Deadline.waitFor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.policy.Policy;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// A hundred thousand routes each way between BIRD and us.
class LargeTableTest {
  private static final int MANY = 100_000;

  @Test
  void bothWays() throws Exception {
    IpAddress ours = IpAddress.parse("10.99.0.1");
    IpAddress birds = IpAddress.parse("10.99.0.2");
    StringBuilder config = new StringBuilder("protocol static s4 { ipv4;\n");
    Prefix from = Prefix.parse("20.0.0.0/8");
    for (int i = 0; i < MANY; i++) {
      config.append("route ").append(from.subnet(26, i)).append(" blackhole;\n");
    }
    config.append(
        """
        }
        protocol bgp peer {
          local 10.99.0.2 as 65002; neighbor 10.99.0.1 as 65001;
          connect delay time 1; connect retry time 1;
          ipv4 { import all; export where source = RTS_STATIC; };
        }
        """);
    Prefix own = Prefix.parse("30.0.0.0/8");
    List<Advertisement> advertisements = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      advertisements.add(Advertisement.of(own.subnet(26, i)));
    }
    Routes routes = new Routes();
    try (TestNetwork network = new TestNetwork()) {
      NetworkNamespace our = network.router(1);
      NetworkNamespace their = network.router(2);
      Bird bird = Bird.start(network, their, "bird", config.toString());
      waitFor("BIRD's table", () -> bird.ask("show", "route", "count").contains("100000 of"));
      try (BgpSpeaker speaker = BgpSpeaker.start(TcpTransport.in(our), routes)) {
        speaker.set(
            BgpSettings.of(65001, ours)
                .withListen(new TransportAddress(ours, 179))
                .withAdvertisements(advertisements)
                .withPeers(
                    new PeerSettings(
                        birds,
                        PeerProfile.of(65002)
                            .withConnectRetry(Duration.ofMillis(300))
                            .withImport(Policy.ACCEPT_ALL)
                            .withExport(Policy.ACCEPT_ALL))));
        waitFor("all of BIRD's", () -> routes.size() == MANY);
        waitFor(
            "all of ours", () -> bird.ask("show", "route", "count").contains("200000 of 200000"));
        bird.tell("disable", "s4");
        waitFor("none of BIRD's", () -> routes.size() == 0);
        assertThat(speaker.peers().getFirst().sessions()).isEqualTo(1);
      }
    }
  }
}
