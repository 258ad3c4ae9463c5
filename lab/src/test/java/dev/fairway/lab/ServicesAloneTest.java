// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// `fairway services` alone, with the rights that its recipe gives, on a machine that has no other
/// part of Fairway's network: the controller of a cluster.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class ServicesAloneTest {
  private static final String API =
      "curl -sk -o /dev/null -w '%{http_code}' -m 5 https://10.32.0.1/livez";

  @TempDir Path directory;

  private final LabCluster cluster;
  private final String in;
  private String agent = "";

  ServicesAloneTest(LabCluster cluster) {
    this.cluster = cluster;
    this.in = "nsenter --net=/run/netns/fairway-" + LabCluster.NAME + "-controller-0 ";
  }

  @BeforeEach
  void giveRights() throws IOException {
    String page = Files.readString(Repository.root().resolve("docs/recipes/services.md"));
    var block = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(page);
    assertThat(block.find()).isTrue();
    cluster.shell().run("./fairway kubectl apply -f -", block.group(1)).good();
  }

  @AfterEach
  void end() {
    if (!agent.isEmpty()) {
      cluster.shell().run("kill " + agent);
    }
    cluster.shell().run(in + "./fairway services uninstall").good();
    cluster.kubectl("delete clusterrole,clusterrolebinding fairway-services");
    cluster.kubectl("delete serviceaccount fairway-services -n kube-system");
  }

  @Test
  void servicesAreCarriedOutBesideAnApiServerAlone() throws InterruptedException {
    String kubeconfig = kubeconfig();
    String run = in + "./fairway services run --kubeconfig " + kubeconfig + " --node worker-0 ";
    assertThat(cluster.shell().run(run + "--datapath ipvs").bad())
        .contains("--datapath: \"ipvs\" is not nftables, iptables or ebpf");
    assertThat(cluster.shell().run(run + "--cluster-cidr 10.200.0.0").bad())
        .contains("--cluster-cidr: ")
        .doesNotContain("Exception");
    assertThat(cluster.shell().run(run.replace("worker-0", "nobody")).bad())
        .contains("there is no Node nobody at https://");
    for (String datapath : new String[] {"nftables", "iptables"}) {
      String log = directory.resolve(datapath + ".log").toString();
      agent =
          cluster
              .shell()
              .run(
                  run
                      + "--cluster-cidr 10.200.0.0/16 --service-cidr 10.32.0.0/16 --datapath "
                      + datapath
                      + " > "
                      + log
                      + " 2>&1 < /dev/null & echo $!")
              .good()
              .strip();
      String table = datapath.equals("nftables") ? "fairway-services" : "KUBE-SERVICES";
      cluster
          .shell()
          .until(in + "sh -c 'nft list tables; iptables-save'", text -> text.contains(table));
      cluster.shell().until(in + API, text -> !text.equals("000"));
      cluster.shell().run("kill " + agent).good();
      cluster.shell().until("kill -0 " + agent + " 2>&1 || :", text -> !text.isEmpty());
      agent = "";
      assertThat(cluster.shell().run(in + API).good()).as("the rules stay").isNotEqualTo("000");
    }
    cluster.shell().run(in + "./fairway services uninstall").good();
    assertThat(cluster.shell().run(in + "sh -c 'nft list tables; iptables-save'").good())
        .doesNotContain("fairway-services", "KUBE-");
  }

  @Test
  void thePageIsTrue() throws IOException {
    assertThat(Page.play(cluster, "recipes/services.md", "")).isGreaterThanOrEqualTo(8);
  }

  /// Of the account that the recipe makes.
  private String kubeconfig() {
    String kubeconfig = directory.resolve("services.kubeconfig").toString();
    String config = "KUBECONFIG=" + kubeconfig + " kubectl config ";
    String server =
        cluster.kubectl("config view --minify -o jsonpath='{.clusters[0].cluster.server}'");
    String authority = "/var/lib/fairway/" + LabCluster.NAME + "/pki/ca.crt";
    String token = "./fairway kubectl create token fairway-services -n kube-system";
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
                + "set-credentials services --token=$("
                + token
                + ") && "
                + config
                + "set-context any --cluster=any --user=services && "
                + config
                + "use-context any")
        .good();
    return kubeconfig;
  }
}
