// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// `fairway net` on a running cluster, whole and broken.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class NetTest {
  private static final String NET = "./fairway net --name " + LabCluster.NAME + " ";

  @Test
  void aPacketsWayIsShownAndWhereItBreaks(LabCluster cluster) throws Exception {
    Shell shell = cluster.shell();
    String run =
        "run %s --image=fairway.local/toolbox:1 --overrides='{\"spec\":{\"nodeName\":\"%s\"}}'";
    String here = cluster.kubectl(run.formatted("net-here", "worker-0"));
    String far = cluster.kubectl(run.formatted("net-far", "worker-1"));
    assertThat(here + far).contains("created");
    String ready = "wait --for=condition=Ready pod/net-here pod/net-far --timeout=120s";
    assertThat(cluster.kubectl(ready)).contains("condition met");

    assertThat(shell.until(NET, text -> text.contains("Nothing is wrong.")))
        .containsPattern("worker-0 +\\S+ +True +ready +vxlan +1450 +10.200.0.0/24")
        .containsPattern("worker-1 +10.200.0.0/24 +worker-0 +10.200.0.0 +fairway.1 +ok");
    assertThat(shell.run(NET + "pods").good())
        .containsPattern("default/net-far +10.200.1.\\d+\\S* +worker-1 +fw\\w+ +1450 +\\w+ +ok");
    assertThat(shell.run(NET + "plan").good()).isEqualTo("Nothing is to be changed.\n");
    assertThat(shell.run(NET + "why net-here net-far").good())
        .contains("default/net-far 10.200.1.")
        .contains("A packet gets there.");
    assertThat(shell.run(NET + "-o json").good()).contains("\"underlay\"", "\"pods\"");
    assertThat(shell.run(NET + "why net-here nobody").bad())
        .contains("no agent knows a node or pod");
    assertThat(shell.run(NET + "frob").bad()).contains("frob: a view is one of all, nodes");

    // The agent needs some seconds to bring the device up again, in which it says what is wrong.
    String down = "ip -n fairway-" + LabCluster.NAME + "-worker-1 link set fairway.1 down";
    assertThat(
            shell.until(
                down + "; " + NET, Pattern.compile("link fairway.1 +it is down").asPredicate()))
        .containsPattern("worker-1 +10.200.0.0/24 +worker-0 +10.200.0.0 +fairway.1 +missing");
    shell.until(NET, text -> text.contains("Nothing is wrong."));
    assertThat(cluster.kubectl("delete pod net-here net-far --wait=false")).contains("deleted");
  }
}
