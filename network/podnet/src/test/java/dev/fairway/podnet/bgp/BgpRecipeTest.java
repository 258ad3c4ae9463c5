// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpFamily;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What docs/recipes/bgp.md says, done.
class BgpRecipeTest {
  @TempDir Path dir;

  private static String block(String language) throws Exception {
    Path root = Path.of("").toAbsolutePath();
    while (!Files.exists(root.resolve("docs/recipes/bgp.md"))) {
      root = root.getParent();
    }
    String text = Files.readString(root.resolve("docs/recipes/bgp.md"));
    int from = text.indexOf("```" + language + "\n") + language.length() + 4;
    return text.substring(from, text.indexOf("```", from));
  }

  @Test
  void aRackWithARouter() throws Exception {
    PodNetworkSettings settings = PodNetworkSettings.parse(block("yaml"));
    Path config = dir.resolve("bird.conf");
    Files.writeString(config, block("bird"));
    List<BgpNetwork> agents = new ArrayList<>();
    try (BgpFabric fabric = new BgpFabric()) {
      fabric.machine("router", 1);
      fabric.start(
          "router",
          dir.resolve("bird.log"),
          "bird",
          "-f",
          "-c",
          config.toString(),
          "-s",
          dir.resolve("bird.ctl").toString());
      try {
        for (int i = 0; i < 3; i++) {
          BgpNetwork agent = BgpNetwork.start(fabric.nodeMachine(i));
          agents.add(agent);
          agent.set(
              BgpFabric.node(i),
              BgpFabric.nodesBut(i, 0, 1, 2),
              settings,
              Map.of("rack", "correct horse"),
              "eth0");
        }
        for (int i = 0; i < 3; i++) {
          String pod = BgpFabric.podAddress(i, IpFamily.IPV4).toString();
          BgpFabric.waitFor(
              "the router reaches pod " + i,
              () ->
                  fabric
                      .run("router", "busybox", "ping", "-c1", "-W1", pod)
                      .contains(" 0% packet loss"));
          int node = i;
          BgpFabric.waitFor(
              "pod " + i + " has a way out",
              () ->
                  fabric
                      .run("worker-" + node, "ip", "route", "show", "default")
                      .contains("via 10.240.0.1"));
        }
        BgpFabric.waitFor(
            "the router is watched",
            () -> agents.getFirst().watchedPeers().getFirst().detection().toMillis() == 250);
        assertThat(fabric.run("router", "ip", "route", "show", "proto", "bird"))
            .contains("10.200.0.0/24 via 10.240.0.20")
            .contains("10.200.2.0/24 via 10.240.0.22");
      } finally {
        agents.forEach(BgpNetwork::close);
      }
    }
  }
}
