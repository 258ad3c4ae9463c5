// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.traffic.NodeServices;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "services",
    description = {
      "run: carries out Services alone, on a node of any Kubernetes cluster, in kube-proxy's place.",
      "uninstall: takes away what run left in the kernel.",
      "docs/recipes/services.md has the manifest."
    },
    subcommands = {ServicesCommand.RunCommand.class, ServicesCommand.UninstallCommand.class})
final class ServicesCommand {
  private static final Logger LOG = LoggerFactory.getLogger(ServicesCommand.class);

  @Command(
      name = "run",
      description =
          "Carries out Services on this machine, until it is ended; the rules stay then, and work.")
  static final class RunCommand implements Callable<Integer> {
    @Option(
        names = "--kubeconfig",
        paramLabel = "FILE",
        description = "how to reach the API server; inside a pod its service account does")
    private @Nullable Path kubeconfig;

    @Option(
        names = "--node",
        required = true,
        paramLabel = "NAME",
        description = "metadata.name of this machine's Node")
    private String node = "";

    @Option(
        names = "--cluster-cidr",
        paramLabel = "RANGE",
        split = ",",
        description =
            "the pod network of the whole cluster: who connects to a cluster address from elsewhere"
                + " is masqueraded")
    private List<String> pods = new ArrayList<>();

    @Option(
        names = "--service-cidr",
        paramLabel = "RANGE",
        split = ",",
        description = "where cluster addresses come from: those that no Service has are dropped")
    private List<String> services = new ArrayList<>();

    @Option(
        names = "--node-port-address",
        paramLabel = "ADDRESS",
        split = ",",
        description = "where node ports are served (default: the Node's InternalIPs)")
    private List<String> nodePortAddresses = new ArrayList<>();

    @Option(
        names = "--left-alone",
        paramLabel = "ADDRESS",
        split = ",",
        description = "addresses that this node serves itself, such as that of NodeLocal DNSCache")
    private List<String> leftAlone = new ArrayList<>();

    @Option(
        names = "--external-ips",
        description =
            "serve spec.externalIPs. Whoever may write Services can take others' traffic with them")
    private boolean externalIps;

    @Option(
        names = "--datapath",
        paramLabel = "DATAPATH",
        defaultValue = "nftables",
        description = "nftables, iptables or ebpf (default: ${DEFAULT-VALUE})")
    private String datapath = "";

    @Option(
        names = "--cgroup",
        paramLabel = "DIRECTORY",
        description =
            "with ebpf: the control group (cgroup v2) whose sockets are balanced, such as"
                + " /sys/fs/cgroup/kubepods.slice")
    private String cgroup = "";

    @Override
    public Integer call() throws InterruptedException {
      Requirements.root("services run");
      ServicesConfig config = config();
      try (KubernetesClient client = ApiAccess.connect(kubeconfig, "fairway-services");
          NetworkNamespace machine = NetworkNamespace.current()) {
        if (nodePortAddresses.isEmpty()) {
          config = config.withNodePortAddresses(internalAddresses(client));
        }
        try (NodeServices here = NodeServices.open(config, machine)) {
          ClusterFollower.Builder follow = ClusterFollower.of(client);
          here.subscribe(follow);
          try (ClusterFollower follower = follow.start()) {
            LOG.info("Services are carried out on node {}", node);
            Termination.await();
          }
        }
      }
      return 0;
    }

    private ServicesConfig config() {
      List<IpAddress> addresses = parse("--node-port-address", nodePortAddresses, IpAddress::parse);
      try {
        ServicesConfig config =
            ServicesConfig.of(node, addresses, parse("--cluster-cidr", pods, Prefix::parse))
                .withServiceRanges(parse("--service-cidr", services, Prefix::parse))
                .withLeftAlone(Set.copyOf(parse("--left-alone", leftAlone, IpAddress::parse)))
                .withExternalIps(externalIps)
                .withDatapath(datapath());
        if (config.datapath() == ServicesConfig.Datapath.EBPF && cgroup.isEmpty()) {
          throw new ProvisionException(
              "--datapath ebpf: --cgroup has to name the control group of the node's pods");
        }
        return cgroup.isEmpty() ? config : config.withCgroup(Path.of(cgroup));
      } catch (IllegalArgumentException e) {
        throw new ProvisionException("--node-port-address: " + e.getMessage(), e);
      }
    }

    private ServicesConfig.Datapath datapath() {
      try {
        return ServicesConfig.Datapath.of(datapath);
      } catch (IllegalArgumentException e) {
        throw new ProvisionException("--datapath: " + e.getMessage(), e);
      }
    }

    private static <T> List<T> parse(
        String option, List<String> texts, Function<String, T> parser) {
      List<T> values = new ArrayList<>();
      for (String text : texts) {
        try {
          values.add(parser.apply(text));
        } catch (IllegalArgumentException e) {
          throw new ProvisionException(option + ": " + e.getMessage(), e);
        }
      }
      return values;
    }

    private List<IpAddress> internalAddresses(KubernetesClient client) {
      Node me;
      try {
        me = client.nodes().withName(node).get();
      } catch (KubernetesClientException e) {
        throw new ProvisionException(
            "cannot read Node "
                + node
                + " at "
                + client.getMasterUrl()
                + ": "
                + e.getMessage()
                + "; docs/recipes/services.md has the ClusterRole that this needs",
            e);
      }
      if (me == null) {
        throw new ProvisionException(
            "there is no Node "
                + node
                + " at "
                + client.getMasterUrl()
                + ": --node is its metadata.name; the kubelet makes it");
      }
      List<IpAddress> internal = new ArrayList<>();
      if (me.getStatus() != null && me.getStatus().getAddresses() != null) {
        for (NodeAddress address : me.getStatus().getAddresses()) {
          if ("InternalIP".equals(address.getType())) {
            internal.add(IpAddress.parse(address.getAddress()));
          }
        }
      }
      if (internal.isEmpty()) {
        LOG.warn("Node {} has no InternalIP: node ports are served nowhere", node);
      }
      return internal;
    }
  }

  @Command(name = "uninstall", description = "Takes away what run left in this machine's kernel.")
  static final class UninstallCommand implements Callable<Integer> {
    @Option(
        names = "--cgroup",
        paramLabel = "DIRECTORY",
        description = "what --cgroup of run was, if it ran with ebpf")
    private String cgroup = "";

    @Override
    public Integer call() {
      Requirements.root("services uninstall");
      try (NetworkNamespace machine = NetworkNamespace.current()) {
        if (cgroup.isEmpty()) {
          NodeServices.uninstall(machine);
        } else {
          NodeServices.uninstall(machine, Path.of(cgroup));
        }
      }
      return 0;
    }
  }
}
