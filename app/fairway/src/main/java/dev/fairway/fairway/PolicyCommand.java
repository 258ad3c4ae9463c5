// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.traffic.policy.ClusterPolicies;
import dev.fairway.traffic.policy.PolicyConfig;
import dev.fairway.traffic.policy.PolicyDatapath;
import dev.fairway.traffic.policy.Why;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.PrintWriter;
import java.net.HttpURLConnection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "policy",
    description = {
      "why FROM TO PORT: whether a pod may connect to another, and which policies say so.",
      "run: enforces policies alone, on a node of any Kubernetes cluster.",
      "kind: prints what a cluster needs before it can have ClusterNetworkPolicy objects.",
      "uninstall: takes away what run left in the kernel.",
      "docs/recipes/policy.md has examples."
    },
    subcommands = {
      PolicyCommand.WhyCommand.class,
      PolicyCommand.RunCommand.class,
      PolicyCommand.KindCommand.class,
      PolicyCommand.UninstallCommand.class
    })
final class PolicyCommand {
  private static final Logger LOG = LoggerFactory.getLogger(PolicyCommand.class);
  private static final String USER_AGENT = "fairway-policy";

  private static List<PolicyConfig.Served> served(List<String> addresses) {
    List<PolicyConfig.Served> served = new ArrayList<>();
    try {
      addresses.forEach(text -> served.add(PolicyConfig.clusterDns(IpAddress.parse(text))));
    } catch (IllegalArgumentException e) {
      throw new ProvisionException("--node-dns: " + e.getMessage(), e);
    }
    return served;
  }

  @Command(
      name = "why",
      description = {
        "Says whether a pod may connect to another, and which policies decide that.",
        "Exits with 0 if it may."
      })
  static final class WhyCommand implements Callable<Integer> {
    @Mixin private ClusterOption cluster = new ClusterOption();

    @Parameters(index = "0", paramLabel = "FROM", description = "namespace/pod, or an address")
    private String from = "";

    @Parameters(index = "1", paramLabel = "TO", description = "likewise")
    private String to = "";

    @Parameters(index = "2", paramLabel = "PORT", description = "80, or 53/udp")
    private String port = "";

    @Option(
        names = "--kubeconfig",
        paramLabel = "FILE",
        description = "ask this cluster instead of a local one")
    private @Nullable Path kubeconfig;

    @Override
    public Integer call() {
      int slash = port.indexOf('/');
      Protocol protocol = protocol(slash < 0 ? "tcp" : port.substring(slash + 1));
      int number = number(slash < 0 ? port : port.substring(0, slash));
      Path how = kubeconfig;
      List<PolicyConfig.Served> served = List.of();
      if (how == null) {
        ClusterSpec spec = cluster.spec();
        how = ClusterPaths.of(spec.name()).adminKubeconfig();
        served = List.of(PolicyConfig.clusterDns(spec.dnsAddress()));
      }
      try (KubernetesClient client = ApiClients.connect(how, USER_AGENT)) {
        Why why = Why.of(client, served);
        Why.Answer answer = why.ask(pod(from), pod(to), protocol, number);
        System.out.print(answer.text());
        return answer.allowed() ? 0 : Main.FAILED;
      } catch (IllegalArgumentException | KubernetesClientException e) {
        throw new ProvisionException(String.valueOf(e.getMessage()), e);
      }
    }

    /// A name alone is of the default namespace.
    private static String pod(String end) {
      boolean address = !end.isEmpty() && (end.indexOf(':') >= 0 || isNumbers(end));
      return address || end.indexOf('/') >= 0 ? end : "default/" + end;
    }

    private static boolean isNumbers(String text) {
      return text.chars().allMatch(c -> c == '.' || (c >= '0' && c <= '9'));
    }

    private Protocol protocol(String word) {
      for (Protocol protocol : Protocol.values()) {
        if (protocol.name().toLowerCase(Locale.ROOT).equals(word.toLowerCase(Locale.ROOT))) {
          return protocol;
        }
      }
      throw new ProvisionException(port + ": the protocol is tcp, udp or sctp");
    }

    private int number(String text) {
      try {
        int number = Integer.parseInt(text);
        if (number > 0 && number < 65536) {
          return number;
        }
      } catch (NumberFormatException e) {
        throw new ProvisionException(port + ": a port is a number and perhaps /udp", e);
      }
      throw new ProvisionException(port + ": a port is from 1 to 65535");
    }
  }

  @Command(
      name = "run",
      description = {
        "Enforces NetworkPolicy and ClusterNetworkPolicy on this machine's pods, until it is ended; the rules stay then.",
        "The pod network must bring pods' packets through the machine's forward hook."
      })
  static final class RunCommand implements Callable<Integer> {
    private static final Duration ASK_AGAIN = Duration.ofSeconds(1);
    private static final int TOO_MANY = 429;

    @Option(
        names = "--kubeconfig",
        required = true,
        paramLabel = "FILE",
        description = "how to reach the API server")
    private Path kubeconfig = Path.of("");

    @Option(
        names = "--node",
        required = true,
        paramLabel = "NAME",
        description = "metadata.name of this machine's Node")
    private String node = "";

    @Option(
        names = "--node-dns",
        paramLabel = "ADDRESS",
        description =
            "where this node itself serves the cluster's DNS, such as NodeLocal DNSCache: policies"
                + " that select the pods of kube-dns mean it, too")
    private List<String> dns = new ArrayList<>();

    @Override
    public Integer call() throws InterruptedException {
      Requirements.root("policy run");
      PolicyConfig config = new PolicyConfig(node, served(dns));
      try (NetworkNamespace machine = NetworkNamespace.current();
          KubernetesClient client = ApiClients.connect(kubeconfig, USER_AGENT);
          PolicyDatapath policy = PolicyDatapath.open(config, machine)) {
        checkNode(client);
        ClusterFollower.Builder follow = ClusterFollower.of(client);
        policy.subscribe(follow);
        try (ClusterPolicies cluster = ClusterPolicies.followAndTell(client, policy);
            ClusterFollower follower = follow.start()) {
          LOG.info("NetworkPolicy is enforced for the pods of node {}", node);
          Termination.await();
        }
      }
      return 0;
    }

    /// A name that nobody has would leave every pod of this machine to itself. Waits for an API
    /// server that cannot be asked yet, as after a reboot.
    private void checkNode(KubernetesClient client) throws InterruptedException {
      boolean waits = false;
      while (true) {
        try {
          if (client.nodes().withName(node).get() == null) {
            throw new ProvisionException(
                "there is no Node "
                    + node
                    + " at "
                    + client.getMasterUrl()
                    + ": --node is its metadata.name");
          }
          return;
        } catch (KubernetesClientException e) {
          int code = e.getCode();
          if (code == HttpURLConnection.HTTP_FORBIDDEN) {
            return; // perhaps it may do all that counts
          }
          if (code != 0 && code < HttpURLConnection.HTTP_INTERNAL_ERROR && code != TOO_MANY) {
            throw new ProvisionException(String.valueOf(e.getMessage()), e);
          }
          if (!waits) {
            LOG.warn(
                "the API server {} cannot be asked ({}); waiting for it. What is in the kernel stays"
                    + " meanwhile",
                client.getMasterUrl(),
                cause(e));
            waits = true;
          }
        }
        Thread.sleep(ASK_AGAIN);
      }
    }

    private static String cause(Throwable problem) {
      Throwable last = problem;
      while (last.getCause() != null) {
        last = last.getCause();
      }
      return String.valueOf(last.getMessage());
    }
  }

  @Command(
      name = "kind",
      description = {
        "Prints the kind ClusterNetworkPolicy, for clusters that do not have it. For any cluster:",
        "fairway policy kind | kubectl apply -f -"
      })
  static final class KindCommand implements Callable<Integer> {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
      PrintWriter out = spec.commandLine().getOut();
      out.print(ClusterPolicies.yaml());
      out.flush();
      return 0;
    }
  }

  @Command(name = "uninstall", description = "Takes away what run left in this machine's kernel.")
  static final class UninstallCommand implements Callable<Integer> {
    @Override
    public Integer call() {
      Requirements.root("policy uninstall");
      try (NetworkNamespace machine = NetworkNamespace.current()) {
        PolicyDatapath.uninstall(machine);
      }
      return 0;
    }
  }
}
