// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// A node's agent dies at bad moments: in the middle of making pods, while pods are deleted, for so
/// long that its Node is given up. Nothing of a pod that is no more may stay.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class NodeFaultTest {
  private static final int PODS = 8;
  private static final String DEPLOYMENT =
      """
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: many, namespace: broken}
      spec:
        replicas: 8
        selector: {matchLabels: {app: many}}
        template:
          metadata: {labels: {app: many}}
          spec:
            nodeSelector: {kubernetes.io/hostname: NODE}
            terminationGracePeriodSeconds: 1
            containers: [{name: web, image: fairway.local/toolbox:1}]
      """;

  private final LabCluster cluster;

  NodeFaultTest(LabCluster cluster) {
    this.cluster = cluster;
  }

  @BeforeAll
  static void begin(LabCluster cluster) {
    cluster.kubectl("create namespace broken");
  }

  @AfterAll
  static void end(LabCluster cluster) {
    cluster.kubectl("delete namespace broken --timeout=120s");
  }

  @Test
  void anAgentThatDiesWhileItMakesPodsMakesThemAfterAll() throws InterruptedException {
    apply("worker-0");
    // Some pods have a wire by now, some have half of one, most have none.
    cluster.shell().until(wires("worker-0"), count -> Integer.parseInt(count.strip()) > 0);
    kill("worker-0");
    up();
    cluster.kubectl("rollout status -n broken deployment/many --timeout=120s");
    noPodSharesAnAddress();
    remove();
    onlyWiresOfPods("worker-0");
  }

  @Test
  void aPodThatIsDeletedWhileItsAgentIsDownEnds() throws InterruptedException {
    apply("worker-1");
    cluster.kubectl("rollout status -n broken deployment/many --timeout=120s");
    kill("worker-1");
    cluster.kubectl("delete deployment -n broken many");
    // By force it is gone from the cluster at once, whoever is down.
    cluster.kubectl(
        "delete -n broken --grace-period=0 --force --timeout=30s"
            + " $(./fairway kubectl get pods -n broken -o name | head -n 1)");
    up();
    noPodsLeft();
    onlyWiresOfPods("worker-1");
  }

  @Test
  void whatAGivenUpNodeHadIsCleaned() throws InterruptedException {
    apply("worker-2");
    cluster.kubectl("rollout status -n broken deployment/many --timeout=120s");
    kill("worker-2");
    cluster.kubectl("delete node worker-2 --timeout=30s");
    String routes = onMachine("worker-0", "ip route show proto 87");
    cluster.shell().until(routes, text -> !text.contains("10.200.2.0/24"));
    cluster.kubectl("delete deployment -n broken many");
    // Without waiting for the controllers to give up its pods, which takes them a while.
    cluster.kubectl("delete pods -n broken --all --grace-period=0 --force --timeout=120s");
    noPodsLeft();
    up();
    cluster.kubectl("wait --for=condition=Ready node/worker-2 --timeout=120s");
    cluster.shell().until(routes, text -> text.contains("10.200.2.0/24"));
    onlyWiresOfPods("worker-2");
  }

  private void apply(String node) {
    cluster.shell().run("./fairway kubectl apply -f -", DEPLOYMENT.replace("NODE", node)).good();
  }

  private void remove() throws InterruptedException {
    cluster.kubectl("delete deployment -n broken many");
    noPodsLeft();
  }

  private void noPodsLeft() throws InterruptedException {
    cluster.shell().until("./fairway kubectl get pods -n broken -o name", String::isEmpty);
  }

  private void kill(String machine) {
    cluster
        .shell()
        .run(
            "kill -9 $(cut -d' ' -f1 /run/fairway/"
                + cluster.name()
                + "/"
                + machine
                + "/fairway.pid)")
        .good();
  }

  private void up() {
    cluster.shell().run("./fairway up --name " + cluster.name()).good();
  }

  private void noPodSharesAnAddress() {
    assertThat(
            cluster
                .kubectl("get pods -n broken -o jsonpath='{range .items[*]}{.status.podIP} {end}'")
                .strip()
                .split(" "))
        .hasSize(PODS)
        .doesNotHaveDuplicates();
  }

  private String onMachine(String machine, String command) {
    return "ip netns exec fairway-" + cluster.name() + "-" + machine + " " + command;
  }

  private String wires(String machine) {
    return onMachine(machine, "ip -o link") + " | grep -cE ': fw[0-9a-f]{12}'; true";
  }

  /// As many wires as pods that have a network of their own.
  private void onlyWiresOfPods(String machine) throws InterruptedException {
    String pods =
        "./fairway kubectl get pods -A --field-selector spec.nodeName="
            + machine
            + " -o jsonpath='{range .items[*]}{.spec.hostNetwork}{\"|\\n\"}{end}' | grep -c '^|'; true";
    String wanted = cluster.shell().run(pods).good().strip();
    cluster.shell().until(wires(machine), count -> count.strip().equals(wanted));
  }
}
