// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpFamily;
import dev.fairway.podnet.status.Journey;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.NodeStatus.AddressPool;
import dev.fairway.podnet.status.NodeStatus.Device;
import dev.fairway.podnet.status.NodeStatus.End;
import dev.fairway.podnet.status.NodeStatus.Finding;
import dev.fairway.podnet.status.NodeStatus.OtherNode;
import dev.fairway.podnet.status.NodeStatus.PacketWays;
import dev.fairway.podnet.status.NodeStatus.Peer;
import dev.fairway.podnet.status.NodeStatus.Pod;
import dev.fairway.podnet.status.NodeStatus.Range;
import dev.fairway.podnet.status.NodeStatus.Route;
import dev.fairway.podnet.status.NodeStatus.Tunnel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// What people read.
final class NetTablesTest {
  @Test
  void theOverviewShowsAllAndWhatIsWrong() {
    NetView view =
        new NetView(
            List.of(node(0, 1, "ok"), node(1, 0, "missing")),
            List.of(new NetView.Silent("worker-2", "the agent at /run/x does not answer")),
            List.of(
                new NetView.ApiNode("worker-0", "10.240.0.20", List.of("10.200.0.0/24"), "True"),
                new NetView.ApiNode("worker-2", "10.240.0.22", List.of("10.200.2.0/24"), "False"),
                new NetView.ApiNode("flannel", "10.240.0.9", List.of("10.200.9.0/24"), "True")),
            "");
    assertThat(new NetTables(view).overview())
        .isEqualTo(
            """
            NODE       ADDRESS       READY   AGENT      BACKEND   MTU    RANGES                           PODS         FAST PATH   DROPPED
            worker-0   10.240.0.20   True    ready      vxlan     1450   10.200.0.0/24,10.200.128.0/26    1/253,1/63   on          3
            worker-1   10.240.0.21   -       ready      vxlan     1450   10.200.1.0/24,10.200.128.64/26   1/253,2/63   off         not guarded
            worker-2   10.240.0.22   False   silent     -         -      10.200.2.0/24                    -            -           -
            flannel    10.240.0.9    True    not here   -         -      10.200.9.0/24                    -            -           -

            ON         RANGE           OF         VIA          DEVICE      STATE
            worker-0   10.200.1.0/24   worker-1   10.200.1.0   fairway.1   ok
            worker-1   10.200.0.0/24   worker-0   10.200.0.0   fairway.1   missing

            ON         DEVICE      KIND                MTU    DEVICE STATE   TO         MACHINE       MAC OR KEY          STATE
            worker-0   fairway.1   vxlan 1 port 8472   1450   ok             worker-1   10.240.0.21   0e:00:00:00:00:01   ok
            worker-1   fairway.1   vxlan 1 port 8472   1450   ok             worker-0   10.240.0.20   0e:00:00:00:00:00   ok

            ON         PEER         NODE   AS      STATE         SINCE   RECEIVED   SENT   BFD    WHY
            worker-0   10.240.0.1   -      64512   Established   now     3          1      up     -
            worker-1   10.240.0.1   -      64512   Idle          now     0          0      down   Connection refused

            POOL   RANGE             USED BY             BLOCKS   PODS
            shop   10.200.128.0/20   worker-0,worker-1   2        3/126

            ON         WHAT IS WRONG         WHY                                   TO DO
            worker-2   its agent             the agent at /run/x does not answer   ./fairway status shows what runs, ./fairway logs worker-2 why not; its pods stay connected meanwhile
            worker-1   route 10.200.0.0/24   it is missing in the kernel           it is put right soon
            worker-1   peer 10.240.0.1       Connection refused                    see that it runs
            """);
  }

  @Test
  void packetsAreCountedByTheWayTheyWent() {
    NetView view =
        new NetView(List.of(node(0, 1, "ok"), node(1, 0, "missing")), List.of(), List.of(), "");
    assertThat(new NetTables(view).packets())
        .isEqualTo(
            """
            ON         WHERE TO         PACKETS   WHY
            worker-0   past the stack   7         direct
            worker-0   dropped          3         arp
            worker-1   the stack        all       switched off
            """);
  }

  @Test
  void whySaysWhereItBreaks() {
    List<NodeStatus> nodes = List.of(node(0, 1, "ok"), node(1, 0, "missing"));
    assertThat(
            NetTables.why(
                Journey.between(nodes, "pod-0", "10.200.1.2", IpFamily.IPV4),
                Journey.between(nodes, "10.200.1.2", "pod-0", IpFamily.IPV4)))
        .isEqualTo(
            """
            default/pod-0 10.200.0.2 on worker-0  ->  default/pod-1 10.200.1.2 on worker-1
            ON         WHAT                                                                        STATE
            worker-0   pod's eth0 is the other end of link fw00, MTU 1450                          ok
            worker-0   route 10.200.1.0/24 via 10.200.1.0 dev fairway.1                            ok
            worker-0   tunnel fairway.1, vxlan 1: 10.200.1.0 is 0e:00:00:00:00:01 at 10.240.0.21   ok
            worker-0   eth0 (MTU 1500) to 10.240.0.21                                              ok
            worker-1   eth0 (MTU 1500) 10.240.0.21                                                 ok
            worker-1   tunnel of vxlan 1, UDP port 8472 unwraps                                    ok
            worker-1   route 10.200.1.2 dev fw10, MTU 1450                                         ok
            A packet gets there.

            default/pod-1 10.200.1.2 on worker-1  ->  default/pod-0 10.200.0.2 on worker-0
            ON         WHAT                                                 STATE
            worker-1   pod's eth0 is the other end of link fw10, MTU 1450   ok
            worker-1   route 10.200.0.0/24 via 10.200.0.0 dev fairway.1     BROKEN: it is missing in the kernel
            A packet gets no further. To do: it is put right soon
            """);
  }

  @Test
  void ofManyRoutesTheOverviewShowsOnlyTheBroken() {
    List<NodeStatus> nodes = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      nodes.add(node(i, (i + 1) % 100, i == 50 ? "missing" : "ok"));
    }
    NetTables tables = new NetTables(new NetView(nodes, List.of(), List.of(), ""));
    String overview = tables.overview();
    assertThat(overview).contains("worker-50   10.200.51.0/24").doesNotContain("dev fairway.1");
    assertThat(overview).contains("All tunnels are ok; fairway net tunnels shows them");
    assertThat(tables.routes(false).lines()).hasSize(101);
    assertThat(tables.plan()).isEqualTo("worker-50   ip route replace 10.200.51.0/24\n");
    assertThat(tables.pods().lines()).hasSize(101);
  }

  private static NodeStatus node(int number, int other, String routeState) {
    String range = "10.200." + other + ".0/24";
    boolean broken = routeState.equals("missing");
    return new NodeStatus(
        "worker-" + number,
        "10.240.0." + (20 + number),
        "vxlan",
        true,
        1450,
        new Device("eth0", 1500, "ok"),
        List.of(
            new Range("10.200." + number + ".0/24", "", 1, 253),
            new Range("10.200.128." + 64 * number + "/26", "shop", 1 + number, 63)),
        List.of(new AddressPool("shop", "10.200.128.0/20")),
        List.of(new OtherNode("worker-" + other, "10.240.0." + (20 + other), List.of(range), "")),
        List.of(
            new Route(range, "worker-" + other, "10.200." + other + ".0", "fairway.1", routeState)),
        List.of(
            new Tunnel(
                "fairway.1",
                "vxlan",
                1,
                8472,
                "10.240.0." + (20 + number),
                1450,
                "ok",
                List.of(
                    new End(
                        "worker-" + other,
                        "10.200." + other + ".0",
                        "0e:00:00:00:00:0" + other % 10,
                        "10.240.0." + (20 + other),
                        "ok")))),
        List.of(
            broken
                ? new Peer(
                    "10.240.0.1", "", 64512, "Idle", "now", 0, 0, "down", "Connection refused")
                : new Peer("10.240.0.1", "", 64512, "Established", "now", 3, 1, "up", "")),
        List.of(
            new Pod(
                "default/pod-" + number,
                "c" + number,
                "eth0",
                List.of("10.200." + number + ".2"),
                "fw" + number + "0",
                1450,
                "")),
        broken
            ? new PacketWays(false, "switched off", 0, Map.of(), false, Map.of())
            : new PacketWays(true, "", 2, Map.of("direct", 7L), true, Map.of("arp", 3L)),
        broken
            ? List.of(
                new Finding(
                    "route " + range, "it is missing in the kernel", "it is put right soon"),
                new Finding("peer 10.240.0.1", "Connection refused", "see that it runs"))
            : List.of(),
        broken ? List.of("ip route replace " + range) : List.of());
  }
}
