// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// A cluster whose nodes reach one another's pods by plain routes instead of VXLAN.
@Tag("slow")
class RoutesTest {
  private static final String NAME = "routes";
  private static final String RUN =
      "./fairway kubectl run %1$s --image=fairway.local/toolbox:1"
          + " --overrides='{\"spec\":{\"nodeName\":\"%2$s\"}}'";

  private final Shell shell = new Shell(Map.of("FAIRWAY_CLUSTER", NAME));

  @AfterEach
  void down() {
    shell.run("./fairway down --name " + NAME).good();
  }

  @Test
  void podsReachPodsOnOtherNodesUnwrapped() {
    shell.run("./fairway down --name " + NAME).good();
    shell.run("./fairway up --name " + NAME + " --workers 2 --network routes").good();
    shell.run(RUN.formatted("here", "worker-0")).good();
    shell.run(RUN.formatted("far", "worker-1")).good();
    shell.run("./fairway kubectl wait --for=condition=Ready pod/here pod/far --timeout=60s").good();
    String far = shell.run("./fairway kubectl get pod far -o jsonpath={.status.podIP}").good();

    // Nothing is wrapped around a packet, so pods may use all of the underlay's 1500 bytes.
    assertThat(shell.run("./fairway kubectl exec here -- ip link show eth0").good())
        .contains("mtu 1500");
    assertThat(shell.run("./fairway kubectl exec here -- ping -c 2 -s 1472 " + far).good())
        .contains("2 packets received");
    assertThat(shell.run("./fairway kubectl exec here -- wget -qO- http://" + far).good())
        .isEqualTo("far\n");
    String inWorker = "ip netns exec fairway-" + NAME + "-worker-0 ";
    assertThat(shell.run(inWorker + "ip route show proto 87").good())
        .contains("10.200.1.0/24 via 10.240.")
        .doesNotContain("fairway.1");
    assertThat(shell.run(inWorker + "ip -o link").good()).doesNotContain("vxlan");

    assertThat(shell.run("./fairway up --name " + NAME + " --network vxlan").bad())
        .contains("is there with 2 workers over routes; ./fairway down --name " + NAME);
  }
}
