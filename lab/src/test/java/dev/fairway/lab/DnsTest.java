// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpFamily;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ClusterSpecFile;
import dev.fairway.provision.LocalCluster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `fairway dns` beside an API server and nothing else, with the Corefile and the rights that its
/// recipe gives, asked by dig.
@Tag("slow")
class DnsTest {
  private static final String NAME = "dns";
  private static final String KUBECTL = "./fairway kubectl ";

  @TempDir Path directory;

  private final Shell shell = new Shell(Map.of("FAIRWAY_CLUSTER", NAME));
  private final List<String> started = new ArrayList<>();

  @AfterEach
  void down() {
    started.forEach(pid -> shell.run("kill " + pid));
    shell.run("./fairway down --name " + NAME).good();
  }

  @Test
  void namesOfAnyCluster() throws Exception {
    shell.run("./fairway down --name " + NAME).good();
    ClusterSpec spec =
        ClusterSpecFile.choose(NAME, 1, ClusterSpec.Backend.VXLAN, List.of(IpFamily.IPV4));
    ClusterSpecFile.write(spec);
    LocalCluster local = new LocalCluster(spec);
    local.ensureNetwork();
    local.ensureIdentities(Instant.now());
    start("server", "./fairway server --name " + NAME + " --machine controller-0");
    shell.until(KUBECTL + "get nodes", text -> text.contains("No resources"));
    String kubeconfig = rights(spec);
    String page = Files.readString(Repository.root().resolve("docs/recipes/dns.md"));
    Path corefile = directory.resolve("Corefile");
    Files.writeString(corefile, blocks(page, "corefile").getFirst());
    String command = "./fairway dns --kubeconfig " + kubeconfig + " --config " + corefile;
    assertThat(shell.run(command + " --check").good()).contains("understood; port 53");
    Path wrong = Files.writeString(directory.resolve("wrong"), ".:53 {\n  template IN A\n}\n");
    assertThat(shell.run("./fairway dns --config " + wrong).bad())
        .contains(wrong + ":2: 'template' is not understood")
        .doesNotContain("\tat ");

    start("dns", command);
    shell.until(in("curl -sS http://127.0.0.1:8181/ready"), text -> text.equals("OK"));
    shell.run(KUBECTL + "create service clusterip web --tcp=80").good();
    String address =
        shell.run(KUBECTL + "get service web -o jsonpath={.spec.clusterIP}").good().strip();
    String dig = "dig @127.0.0.1 +tries=1 +time=5 ";
    shell.until(
        in(dig + "+short web.default.svc.cluster.local"), text -> text.strip().equals(address));
    assertThat(shell.run(in(dig + "+short -x " + address)).good())
        .isEqualTo("web.default.svc.cluster.local.\n");
    assertThat(shell.run(in(dig + "+tcp web.default.svc.cluster.local AAAA")).good())
        .contains("NOERROR", "AUTHORITY: 1");
    assertThat(shell.run(in(dig + "+short 10-1-2-3.default.pod.cluster.local")).good())
        .isEqualTo("10.1.2.3\n");
    shell.run(KUBECTL + "delete service web").good();
    shell.until(in(dig + "web.default.svc.cluster.local"), text -> text.contains("NXDOMAIN"));
    assertThat(shell.run(in("curl -sS http://127.0.0.1:9153/metrics")).good())
        .contains(
            "coredns_dns_requests_total{server=\"dns://:53\",zone=\".\",view=\"\",proto=\"tcp\"")
        .contains("rcode=\"NXDOMAIN\"");
    assertThat(shell.run(in("curl -sS http://127.0.0.1:8080/health")).good()).isEqualTo("OK");
  }

  private static String in(String command) {
    return "nsenter --net=/run/netns/fairway-" + NAME + "-controller-0 " + command;
  }

  private void start(String what, String command) {
    String log = directory.resolve(what + ".log").toString();
    started.add(
        shell.run(in(command) + " > " + log + " 2>&1 < /dev/null & echo $!").good().strip());
  }

  private static List<String> blocks(String page, String kind) {
    List<String> blocks = new ArrayList<>();
    var fences = Pattern.compile("```" + kind + "\n(.*?)```", Pattern.DOTALL).matcher(page);
    while (fences.find()) {
      blocks.add(fences.group(1));
    }
    return blocks;
  }

  /// Applies what the recipe says and returns a kubeconfig of its service account.
  private String rights(ClusterSpec spec) throws IOException {
    String page = Files.readString(Repository.root().resolve("docs/recipes/dns.md"));
    List<String> manifests = blocks(page, "yaml");
    assertThat(manifests).hasSize(2);
    String namespace = "create namespace kube-system --dry-run=client -o yaml | ";
    shell.run(KUBECTL + namespace + KUBECTL + "apply -f -").good();
    shell.run(KUBECTL + "apply -f -", manifests.getFirst()).good();
    shell.run(KUBECTL + "apply -f - --dry-run=server", manifests.getLast()).good();
    String kubeconfig = directory.resolve("dns.kubeconfig").toString();
    String config = "KUBECONFIG=" + kubeconfig + " kubectl config ";
    shell
        .run(
            config
                + "set-cluster any --server="
                + spec.apiUrl()
                + " --embed-certs --certificate-authority=/var/lib/fairway/"
                + NAME
                + "/pki/ca.crt && "
                + config
                + "set-credentials dns --token=$("
                + KUBECTL
                + "create token fairway-dns -n kube-system) && "
                + config
                + "set-context any --cluster=any --user=dns && "
                + config
                + "use-context any")
        .good();
    return kubeconfig;
  }
}
