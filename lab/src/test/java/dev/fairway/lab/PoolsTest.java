// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Pools of addresses on a running cluster: by namespace, by node, by the pod's own wish, and when
/// they are full.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class PoolsTest {
  private static final String RUN =
      "run() { k run $1 --image=fairway.local/toolbox:1 --annotations=podnet.fairway.dev/addresses=\"${3:-[]}\""
          + " --overrides='{\"spec\":{\"terminationGracePeriodSeconds\":0,\"nodeName\":\"'$2'\"}}'; }; ";

  @TempDir Path directory;
  private LabCluster cluster;

  private void play(String text) throws InterruptedException {
    Transcript transcript =
        new Transcript(
            cluster.shell(),
            Repository.root().resolve("fairway") + " kubectl",
            "walled",
            directory);
    String fairway = Repository.root().resolve("fairway").toString();
    transcript.play(
        text.replace(" run ", " " + RUN + "run ")
            .replace("fairway net", fairway + " net --name " + cluster.name())
            .replace("fairway pools", fairway + " pools"));
  }

  @AfterEach
  void takeAway() {
    cluster.shell().run("./fairway kubectl label node worker-2 west-").good();
    String all = "./fairway kubectl delete --ignore-not-found --timeout=120s ";
    cluster.shell().run(all + "namespace walled").good();
    cluster.shell().run(all + "pod -n default west").good();
    cluster.shell().run(all + "addresspools walled west").good();
    cluster.shell().run(all + "addressblocks --all").good();
  }

  @Test
  void poolsGiveAddressesByNamespaceByNodeAndByName(LabCluster shared) throws Exception {
    cluster = shared;
    try (var pools = requireNonNull(PoolsTest.class.getResourceAsStream("pools.yaml"))) {
      Files.write(directory.resolve("pools.yaml"), pools.readAllBytes());
    }
    play(
        """
        $ fairway pools | k apply -f -
        $ k create namespace $NS && k label namespace $NS walled=yes && k label node worker-2 west=yes
        ~ k get serviceaccount default
        $ k apply -f pools.yaml
        addresspool.podnet.fairway.dev/walled created
        addresspool.podnet.fairway.dev/west created
        ~ fairway net pools
        walled 10.200.144.0/28 worker-0,worker-1,worker-2
        west 10.200.160.0/24 worker-0,worker-1,worker-2
        """);
    across();
    fromTheControlPlane();
    fixed();
    full();
  }

  private void across() throws InterruptedException {
    play(
        """
        $ run a worker-0
        $ run b worker-1
        $ NS=default; run west worker-2
        $ k wait --for=condition=Ready pod/a pod/b --timeout=120s
        $ NS=default; k wait --for=condition=Ready pod/west --timeout=120s
        $ k get pod a b -o jsonpath='{.items[*].status.podIPs}'
        10.200.144.
        fd00:10:200:
        10.200.144.
        fd00:10:200:1:
        $ k get pod west -n default -o jsonpath='{.status.podIPs}'
        10.200.160.
        fd00:10:200:2:
        $ k exec a -- ping -c 1 -W 5 $(k get pod b -o jsonpath='{.status.podIP}')
        1 packets received
        $ k exec b -- ping -c 1 -W 5 $(k get pod west -n default -o jsonpath='{.status.podIP}')
        1 packets received
        $ k exec west -n default -- ping -c 1 -W 5 $(k get pod a -o jsonpath='{.status.podIP}')
        1 packets received
        $ k get addressblocks --sort-by=.spec.node
        worker-0
        worker-1
        worker-2
        ~ fairway net
        Nothing is wrong.
        $ ip -n fairway-CLUSTER-worker-0 route show proto 87
        10.200.144.
        dev fairway.1
        """
            .replace("CLUSTER", cluster.name()));
  }

  /// As its `proxy` and webhooks need it.
  private void fromTheControlPlane() throws InterruptedException {
    String at = "ip netns exec fairway-" + cluster.name() + "-controller-0 ";
    play(
        """
        ~ AT busybox ping -c 1 -W 5 $(k get pod a -o jsonpath='{.status.podIP}')
        1 packets received
        ~ AT busybox ping -c 1 -W 5 $(k get pod west -n default -o jsonpath='{.status.podIP}')
        1 packets received
        """
            .replace("AT ", at));
  }

  /// The address is one pod's at a time, and goes where the next one is.
  private void fixed() throws InterruptedException {
    play(
        """
        $ run first worker-0 '["10.200.144.9"]'
        $ k wait --for=condition=Ready pod/first --timeout=120s
        $ k get pod first -o jsonpath='{.status.podIP}'
        10.200.144.9
        $ k exec b -- ping -c 1 -W 5 10.200.144.9
        1 packets received
        $ run second worker-1 '["10.200.144.9"]'
        ~ k get events --field-selector involvedObject.name=second
        AddressInUse
        10.200.144.9 is in use on node worker-0
        $ k delete pod first --timeout=120s
        $ k wait --for=condition=Ready pod/second --timeout=120s
        $ k get pod second -o jsonpath='{.status.podIP}'
        10.200.144.9
        $ k exec a -- ping -c 1 -W 5 10.200.144.9
        1 packets received
        $ run typo worker-0 10.200.144.9
        ~ k get events --field-selector involvedObject.name=typo
        AddressAnnotationInvalid
        podnet.fairway.dev/addresses must be a JSON list
        $ k delete pod typo --timeout=120s
        """);
  }

  private void full() throws InterruptedException {
    play(
        """
        $ run a2 worker-0
        $ run a3 worker-0
        $ k wait --for=condition=Ready pod/a2 pod/a3 --timeout=120s
        $ run late worker-0
        ~ k get events --field-selector involvedObject.name=late
        AddressesExhausted
        no address is left for this node in AddressPool walled 10.200.144.0/28: every block is claimed
        ~ fairway net
        no address is left for this node in AddressPool walled
        $ k get pod late
        late 0/1 ContainerCreating
        $ k delete pod a2 --timeout=120s
        $ k wait --for=condition=Ready pod/late --timeout=120s
        ~ fairway net
        Nothing is wrong.
        """);
  }

  /// Every command of the page, and what it shows.
  @Test
  void thePageIsTrue(LabCluster shared) throws IOException {
    cluster = shared;
    assertThat(Page.play(cluster, "recipes/addresses.md", "")).isGreaterThanOrEqualTo(12);
  }
}
