// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// `fairway policy run` alone, with the rights that its recipe gives, on a machine that nobody else
/// enforces policies on: the controller of a cluster, with two sandboxes behind it that have the
/// addresses of two pods.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class PolicyAloneTest {
  private static final String DENY =
      """
      {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "alone"}, "spec": {"podSelector": {}}}
      """;
  private static final String DENY_BY_CLUSTER =
      """
      {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": "nobody"},
       "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "alone"}}},
       "egress": [{"action": "Deny", "to": [{"networks": ["10.200.0.0/16"]}]}]}}
      """;

  @TempDir Path directory;

  private final LabCluster cluster;
  private final String in;
  private String agent = "";

  PolicyAloneTest(LabCluster cluster) {
    this.cluster = cluster;
    this.in = "nsenter --net=/run/netns/fairway-" + LabCluster.NAME + "-controller-0 ";
  }

  @BeforeEach
  void giveRightsAndMakePods() throws Exception {
    String page = Files.readString(Repository.root().resolve("docs/recipes/policy.md"));
    var block = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(page);
    assertThat(block.find()).isTrue();
    cluster.shell().run("./fairway kubectl apply -f -", block.group(1)).good();
    cluster.kubectl("create namespace alone");
    cluster
        .shell()
        .until(
            "./fairway kubectl -n alone get serviceaccount default 2>&1",
            text -> text.contains("AGE"));
    for (String pod : new String[] {"one", "two"}) {
      cluster.kubectl(
          "-n alone run "
              + pod
              + " --image=fairway.local/toolbox:1 --overrides='{\"spec\":{\"nodeName\":\"worker-0\"}}'");
    }
    cluster.kubectl("-n alone wait --for=condition=Ready pod/one pod/two --timeout=120s");
    for (String pod : new String[] {"one", "two"}) {
      String link = "alone-" + pod;
      cluster
          .shell()
          .run(
              "set -e; ip netns add @L; @I ip link add @L type veth peer name eth0 netns @L; @I ip link"
                      .replace("@L", link)
                      .replace("@I", in)
                  + " set @L up; @I ip route add @A dev @L; @I sysctl -q net.ipv4.conf.@L.proxy_arp=1; I='ip -n @L'; $I addr add @A/32 dev eth0; $I link set lo up; $I link set eth0 up; $I route add 169.254.1.1 dev eth0; $I route add default via 169.254.1.1 dev eth0; @I sysctl -q net.ipv4.ip_forward=1"
                      .replace("@L", link)
                      .replace("@A", address(pod))
                      .replace("@I", in))
          .good();
    }
  }

  private String address(String pod) {
    return cluster.kubectl("-n alone get pod " + pod + " -o jsonpath='{.status.podIP}'").strip();
  }

  @AfterEach
  void end() {
    if (!agent.isEmpty()) {
      cluster.shell().run("kill " + agent);
    }
    cluster.shell().run(in + "./fairway policy uninstall").good();
    cluster.shell().run(in + "sysctl -q net.ipv4.ip_forward=0");
    cluster.shell().run("ip netns del alone-one; ip netns del alone-two");
    cluster.shell().run("./fairway policy kind | ./fairway kubectl delete --ignore-not-found -f -");
    cluster.kubectl("delete namespace alone");
    cluster.kubectl("delete clusterrole,clusterrolebinding fairway-policy");
    cluster.kubectl("delete serviceaccount fairway-policy -n kube-system");
  }

  private void untilReachable(boolean reachable) throws InterruptedException {
    String ping = "ip netns exec alone-one busybox ping -c 1 -W 1 " + address("two") + " 2>&1 || :";
    cluster
        .shell()
        .until(ping, text -> text.contains(reachable ? " 0% packet loss" : "100% packet"));
  }

  private String tables() {
    return cluster.shell().run(in + "nft list ruleset").good();
  }

  @Test
  void policiesAreEnforcedBesideAnApiServerAlone() throws InterruptedException {
    untilReachable(true);
    String run = in + "./fairway policy run --kubeconfig " + kubeconfig() + " --node worker-0 ";
    assertThat(cluster.shell().run(run.replace("worker-0", "nobody")).bad())
        .contains("there is no Node nobody at https://");
    String log = directory.resolve("policy.log").toString();
    agent = cluster.shell().run(run + "> " + log + " 2>&1 < /dev/null & echo $!").good().strip();
    cluster.shell().until(in + "nft list tables", text -> text.contains("fairway-policy"));
    untilReachable(true);
    cluster.shell().run("./fairway kubectl apply -f -", DENY).good();
    untilReachable(false);
    assertThat(tables()).contains("to/alone/two");
    cluster.kubectl("-n alone delete networkpolicy deny");
    untilReachable(true);
    cluster.shell().run("./fairway policy kind | ./fairway kubectl apply -f -").good();
    String apply = "./fairway kubectl apply -f - 2>&1 <<< '" + DENY_BY_CLUSTER + "' || :";
    cluster.shell().until(apply, text -> text.contains("nobody created"));
    untilReachable(false);
    assertThat(tables()).contains("by/nobody");
    cluster.shell().run("kill " + agent).good();
    cluster.shell().until("kill -0 " + agent + " 2>&1 || :", text -> !text.isEmpty());
    agent = "";
    untilReachable(false); // the rules stay
    cluster.shell().run(in + "./fairway policy uninstall").good();
    untilReachable(true);
    assertThat(tables()).doesNotContain("fairway-policy");
  }

  /// Of the account that the recipe makes.
  private String kubeconfig() {
    String kubeconfig = directory.resolve("policy.kubeconfig").toString();
    String config = "KUBECONFIG=" + kubeconfig + " kubectl config ";
    String server =
        cluster.kubectl("config view --minify -o jsonpath='{.clusters[0].cluster.server}'");
    String authority = "/var/lib/fairway/" + LabCluster.NAME + "/pki/ca.crt";
    String token = "./fairway kubectl create token fairway-policy -n kube-system";
    cluster
        .shell()
        .run(
            config
                + "set-cluster any --server="
                + server
                + " --embed-certs --certificate-authority="
                + authority
                + " && "
                + config
                + "set-credentials policy --token=$("
                + token
                + ") && "
                + config
                + "set-context any --cluster=any --user=policy && "
                + config
                + "use-context any")
        .good();
    return kubeconfig;
  }
}
