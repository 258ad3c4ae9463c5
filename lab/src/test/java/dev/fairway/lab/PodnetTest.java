// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ClusterSpecFile;
import dev.fairway.provision.LocalCluster;
import dev.fairway.provision.Machine;
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

/// `fairway podnet` beside an API server and nothing else, with the rights that its recipe gives,
/// on two machines without a container runtime.
@Tag("slow")
class PodnetTest {
  private static final String NAME = "podnet";
  private static final String KUBECTL = "./fairway kubectl ";
  private static final String PING = " busybox ping -c 1 -W 5 ";

  @TempDir Path directory;

  private final Shell shell = new Shell(Map.of("FAIRWAY_CLUSTER", NAME));
  private final List<String> started = new ArrayList<>();
  private final List<String> pods = new ArrayList<>();

  @AfterEach
  void down() {
    started.forEach(pid -> shell.run("kill " + pid));
    pods.forEach(pod -> NetworkNamespace.delete(Path.of("/run/netns", pod)));
    shell.run("./fairway down --name " + NAME).good();
  }

  @Test
  void podsOfAnyClusterReachOneAnother() throws Exception {
    shell.run("./fairway down --name " + NAME).good();
    ClusterSpec spec =
        ClusterSpecFile.choose(
            NAME, 2, ClusterSpec.Backend.VXLAN, List.of(IpFamily.IPV4, IpFamily.IPV6));
    ClusterSpecFile.write(spec);
    LocalCluster local = new LocalCluster(spec);
    local.ensureNetwork();
    local.ensureIdentities(Instant.now());
    start(spec.controller(), "./fairway server --name " + NAME + " --machine controller-0");
    String none = shell.until(KUBECTL + "get nodes", text -> text.contains("No resources"));
    assertThat(none).doesNotContain("worker");
    for (Machine worker : spec.workerMachines()) {
      node(spec, worker);
    }
    String kubeconfig = recipe(spec);

    refusals(spec, kubeconfig);

    List<String> sockets = new ArrayList<>();
    for (Machine worker : spec.workerMachines()) {
      start(worker, agent(kubeconfig, worker.name()));
      sockets.add("--agent " + directory.resolve(worker.name() + "/run/podnet.sock"));
    }
    String net = "./fairway net " + String.join(" ", sockets) + " ";
    Pattern settled = Pattern.compile("worker-1 .* ready .*fairway.1.*ok.*Nothing is wrong", 32);
    assertThat(shell.until(net, settled.asPredicate())).contains("10.200.0.0/24");

    List<String> first = add("worker-0");
    List<String> second = add("worker-1");
    assertThat(second).as("one address a family").hasSize(2);
    pings(first, second);
    assertThat(shell.run(net + "why " + first.getFirst() + " " + second.getFirst()).good())
        .contains("A packet gets there.");
    change("backend: vxlan", "backend: routes");
    Pattern routed = Pattern.compile("worker-1 .* ready +routes .*Nothing is wrong", 32);
    assertThat(shell.until(net, routed.asPredicate().and(text -> !text.contains("fairway.1"))))
        .containsPattern("worker-0 +10.200.1.0/24 +worker-1 +\\S+ +eth0 +ok");
    pings(first, second);
    change("backend: routes", "backend: pigeons");
    assertThat(shell.until(net, text -> text.contains("podnet.yaml: backend")))
        .contains("the settings before it go on");
    String events = KUBECTL + "get events -n default -o wide";
    shell.until(events, text -> text.contains("InvalidPodNetworkSettings"));
    change("backend: pigeons", "backend: vxlan");
    shell.until(net, settled.asPredicate());
    pings(first, second);
    pools(net);
    for (String worker : List.of("worker-0", "worker-1")) {
      shell.run(cni("DEL", worker)).good();
      // One line an event: ready, runs, other settings; no stack traces.
      assertThat(Files.readString(directory.resolve(worker + ".log")).lines().toList())
          .hasSizeLessThan(24)
          .noneMatch(line -> line.startsWith("\tat "));
    }
    assertThat(shell.run(net + "pods").good()).isEqualTo("No pods.\n");
  }

  private void pings(List<String> first, List<String> second) {
    for (String address : second) {
      shell.run("nsenter --net=/run/netns/" + pods.getFirst() + PING + address).good();
    }
    for (String address : first) {
      shell.run("nsenter --net=/run/netns/" + pods.getLast() + PING + address).good();
    }
  }

  /// Edits the settings in the API.
  private void change(String before, String after) {
    shell
        .run(
            KUBECTL
                + "get configmap fairway-podnet -n kube-system -o yaml | sed 's/"
                + before
                + "/"
                + after
                + "/' | "
                + KUBECTL
                + "replace -f -")
        .good();
  }

  /// An account that may use pools, as the page says, does.
  private void pools(String net) throws IOException, InterruptedException {
    String page = Files.readString(Repository.root().resolve("docs/recipes/podnet.md"));
    var block = Pattern.compile("```sh\n(./fairway pools.*?)```", Pattern.DOTALL).matcher(page);
    assertThat(block.find()).isTrue();
    shell.run(block.group(1).replaceAll("(?m)(^|\\| )kubectl", "$1./fairway kubectl")).good();
    shell
        .run(
            KUBECTL + "create -f -",
            """
            apiVersion: podnet.fairway.dev/v1alpha1
            kind: AddressPool
            metadata: {name: alone}
            spec: {cidr: 10.200.128.0/24}
            """)
        .good();
    shell.until(net + "pools", text -> text.contains("worker-0,worker-1"));
    shell.run(cni("DEL", "worker-1")).good();
    String result = shell.run(cni("ADD", "worker-1")).good();
    assertThat(result).contains("\"10.200.128.");
    assertThat(shell.run(KUBECTL + "get addressblocks").good()).contains("worker-1");
  }

  private void refusals(ClusterSpec spec, String kubeconfig) throws IOException {
    String at = "nsenter --net=/run/netns/fairway-" + NAME + "-worker-0 ";
    String agent = agent(kubeconfig, "worker-0");
    assertThat(shell.run(at + agent + " --print-plan").good())
        .contains("ip link add fairway.1", "ip route replace unreachable 10.200.0.0/24 proto 87");
    assertThat(shell.run(at + agent(kubeconfig, "nobody")).bad())
        .contains("there is no Node nobody at https://")
        .doesNotContain("Exception");
    assertThat(shell.run(agent + " --print-plan").bad())
        .contains(
            "this machine has none of the addresses " + spec.workerMachines().getFirst().address());
    String weak = directory.resolve("weak.kubeconfig").toString();
    shell.run("sed 's/user: podnet/user: nobody/' " + kubeconfig + " > " + weak).good();
    String token = KUBECTL + "create token default -n default";
    shell
        .run(
            "KUBECONFIG="
                + weak
                + " kubectl config set-credentials nobody --token=$("
                + token
                + ")")
        .good();
    assertThat(shell.run(at + agent(weak, "worker-0") + " --print-plan").bad())
        .contains("no permission to list nodes; docs/recipes/podnet.md has the ClusterRole")
        .doesNotContain("\tat ");
    Path conf = Files.createDirectories(directory.resolve("worker-0/conf"));
    Path foreign = Files.writeString(conf.resolve("05-other.conflist"), "{}");
    assertThat(shell.run(at + agent).bad())
        .contains("another pod network is configured here: " + foreign);
    Files.delete(foreign);
    assertThat(shell.run("setpriv --reuid=65534 --clear-groups " + agent).bad())
        .contains("'podnet' needs root");
  }

  private void start(Machine machine, String command) {
    String log = directory.resolve(machine.name() + ".log").toString();
    String in = "nsenter --net=/run/netns/fairway-" + NAME + "-" + machine.name() + " ";
    started.add(
        shell.run(in + command + " > " + log + " 2>&1 < /dev/null & echo $!").good().strip());
  }

  private String agent(String kubeconfig, String node) {
    Path place = directory.resolve(node);
    return "./fairway podnet --kubeconfig %s --node %s --config %s --cni-bin %s --cni-conf %s --run %s --state %s"
        .formatted(
            kubeconfig,
            node,
            directory.resolve("podnet.yaml"),
            place.resolve("bin"),
            place.resolve("conf"),
            place.resolve("run"),
            place.resolve("state"));
  }

  /// A Node as a kubelet would register it, with a range as a controller would give it.
  private void node(ClusterSpec spec, Machine worker) {
    List<String> ranges = new ArrayList<>();
    for (Prefix all : spec.podNetworks()) {
      int length = all.family() == IpFamily.IPV4 ? 24 : 64;
      ranges.add('"' + all.subnet(length, worker.index()).toString() + '"');
    }
    shell
        .run(
            KUBECTL + "create -f -",
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\"},"
                    .formatted(worker.name())
                + "\"spec\":{\"podCIDR\":%s,\"podCIDRs\":%s}}".formatted(ranges.getFirst(), ranges))
        .good();
    List<String> addresses = new ArrayList<>();
    for (IpAddress address : worker.addresses()) {
      addresses.add("{\"type\":\"InternalIP\",\"address\":\"%s\"}".formatted(address));
    }
    String status = "{\"status\":{\"addresses\":%s}}".formatted(addresses);
    shell
        .run(
            KUBECTL
                + "patch node "
                + worker.name()
                + " --subresource=status --type=merge -p '"
                + status
                + "'")
        .good();
  }

  /// Applies what the recipe says and returns a kubeconfig of its service account.
  private String recipe(ClusterSpec spec) throws IOException {
    String page = Files.readString(Repository.root().resolve("docs/recipes/podnet.md"));
    List<String> blocks = new ArrayList<>();
    var fences = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(page);
    while (fences.find()) {
      blocks.add(fences.group(1));
    }
    assertThat(blocks).hasSize(2);
    shell
        .run(
            KUBECTL
                + "create namespace kube-system --dry-run=client -o yaml | "
                + KUBECTL
                + "apply -f -")
        .good();
    shell.run(KUBECTL + "apply -f -", blocks.getFirst()).good();
    shell.run(KUBECTL + "apply -f - --dry-run=server", blocks.getLast()).good();
    var both = Pattern.compile("dual stack both of them: `(.*)`").matcher(page);
    assertThat(both.find()).isTrue();
    String map =
        blocks.getLast().split("\n---", 2)[0].replace("[10.200.0.0/16]", both.group(1)) + "\n";
    shell.run(KUBECTL + "apply -f -", map).good();
    String settings = map.split("podnet.yaml: \\|\n", 2)[1];
    Files.writeString(directory.resolve("podnet.yaml"), settings.stripIndent());

    String kubeconfig = directory.resolve("podnet.kubeconfig").toString();
    String config = "KUBECONFIG=" + kubeconfig + " kubectl config ";
    String authority = "/var/lib/fairway/" + NAME + "/pki/ca.crt";
    String token = KUBECTL + "create token fairway-podnet -n kube-system";
    shell
        .run(
            config
                + "set-cluster any --server="
                + spec.apiUrl()
                + " --embed-certs --certificate-authority="
                + authority
                + " && "
                + config
                + "set-credentials podnet --token=$("
                + token
                + ") && "
                + config
                + "set-context any --cluster=any --user=podnet && "
                + config
                + "use-context any")
        .good();
    return kubeconfig;
  }

  /// Connects a namespace by hand, as the specification says, and returns its addresses.
  private List<String> add(String worker) {
    String pod = "fwpod-" + ProcessHandle.current().pid() + "-" + worker;
    NetworkNamespace.create(Path.of("/run/netns", pod)).close();
    pods.add(pod);
    String result = shell.run(cni("ADD", worker)).good();
    var address = Pattern.compile("\"(10\\.200\\.[0-9.]+|fd00:10:200:[0-9a-f:]+)/").matcher(result);
    return address.results().map(found -> found.group(1)).distinct().toList();
  }

  private String cni(String command, String worker) {
    String pod = "fwpod-" + ProcessHandle.current().pid() + "-" + worker;
    Path bin = directory.resolve(worker + "/bin");
    return "echo '{\"cniVersion\":\"1.0.0\",\"name\":\"fairway\",\"type\":\"fairway-cni\",\"agentSocket\":\"%s\"}'"
            .formatted(directory.resolve(worker + "/run/cni.sock"))
        + " | env -i CNI_COMMAND=%s CNI_CONTAINERID=%s CNI_NETNS=/run/netns/%s CNI_IFNAME=eth0 CNI_PATH=%s %s/fairway-cni"
            .formatted(command, pod, pod, bin, bin);
  }
}
