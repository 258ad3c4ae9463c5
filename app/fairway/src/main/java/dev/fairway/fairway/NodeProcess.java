// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.dns.DnsConfig;
import dev.fairway.dns.DnsServer;
import dev.fairway.dns.LocalAddresses;
import dev.fairway.kubelet.Kubelet;
import dev.fairway.kubelet.KubeletConfig;
import dev.fairway.linux.Cgroups;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.PodNetwork;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Machine;
import dev.fairway.provision.Pki;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.Selection;
import dev.fairway.traffic.NodeServices;
import dev.fairway.traffic.policy.ClusterPolicies;
import dev.fairway.traffic.policy.PolicyConfig;
import dev.fairway.traffic.policy.PolicyDatapath;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What runs on a worker: pod network, Services, names and pods, all told by one follower.
///
/// It runs in its machine's network namespace. What it puts into the kernel outlives it.
final class NodeProcess {
  private static final Logger LOG = LoggerFactory.getLogger(NodeProcess.class);
  private static final String UNDERLAY = "eth0";
  private static final int KUBELET_PORT = 10250;
  private static final int MOST_PODS = 110;
  private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");

  private NodeProcess() {}

  static void run(ClusterSpec spec, Machine machine) throws IOException, InterruptedException {
    ClusterPaths paths = ClusterPaths.of(spec.name());
    LocalAddresses.ensure(List.of(spec.dnsAddress()));
    // One handle for both, so that neither takes the other's rules for a stranger's.
    NetworkNamespace namespace = NetworkNamespace.current();
    try (KubernetesClient client =
            ApiClients.connect(paths.kubeconfig(machine, Pki.NODE), "fairway-node");
        PolicyDatapath policy = PolicyDatapath.open(policy(spec, machine), namespace);
        PodNetwork podNetwork =
            PodNetwork.start(podNetwork(spec, paths, machine), namespace, client, policy);
        NodeServices services = NodeServices.open(services(spec, paths, machine), namespace);
        DnsServer dns = DnsServer.start(dns(spec))) {
      policy.keepOff(podNetwork.bypass());
      ClusterFollower.Builder policies = ClusterFollower.of(client);
      policy.subscribe(policies);
      // The other follower knows the pods of this node alone.
      policies.subscribe("services-pods", services.pods());
      ClusterFollower.Builder follow =
          ClusterFollower.of(client)
              .follow(Node.class)
              .follow(
                  ConfigMap.class, Selection.ofField("metadata.name", PodNetwork.SETTINGS.name()))
              .follow(Service.class)
              .follow(EndpointSlice.class)
              .subscribe("podnet", podNetwork)
              .subscribe("services", services)
              .subscribe("services-datapath", new DatapathChoice(services))
              .subscribe("dns", dns.subscriber());
      try (Kubelet kubelet = Kubelet.start(kubelet(spec, paths, machine), client, follow);
          ClusterFollower follower = follow.start();
          ClusterPolicies clusterPolicies = ClusterPolicies.follow(client, policy);
          // By itself: it alone needs the pods of all nodes.
          ClusterFollower policyFollower = policies.start()) {
        LOG.info("{} serves at {}", machine.name(), machine.address());
        Termination.await();
      }
    }
  }

  private static PodNetwork.Config podNetwork(
      ClusterSpec spec, ClusterPaths paths, Machine machine) {
    return new PodNetwork.Config(
        machine.name(),
        machine.address(),
        UNDERLAY,
        PodNetworkSettings.of(
            switch (spec.backend()) {
              case VXLAN -> BackendKind.VXLAN;
              case ROUTES -> BackendKind.ROUTES;
              case BGP -> BackendKind.BGP;
              case WIREGUARD -> BackendKind.WIREGUARD;
            },
            spec.podNetworks()),
        paths.machineRun(machine).resolve("cni.sock"),
        paths.cniBinaries(machine),
        paths.cniConfigurations(machine),
        paths.machineState(machine).resolve("podnet"));
  }

  private static ServicesConfig services(ClusterSpec spec, ClusterPaths paths, Machine machine) {
    ServicesConfig config =
        ServicesConfig.of(machine.name(), List.of(machine.address()), spec.podNetworks())
            .withLeftAlone(Set.of(spec.dnsAddress()))
            .withServiceRanges(List.of(spec.serviceNetwork()));
    return Cgroups.find().unified(paths.cgroup(machine)).map(config::withCgroup).orElse(config);
  }

  private static PolicyConfig policy(ClusterSpec spec, Machine machine) {
    return new PolicyConfig(
        machine.name(),
        List.of(PolicyConfig.clusterDns(spec.dnsAddress())),
        PodNetwork.LINK_PREFIX);
  }

  private static DnsConfig dns(ClusterSpec spec) throws IOException {
    DnsConfig usual =
        DnsConfig.of(
            List.of(new InetSocketAddress(spec.dnsAddress().toInetAddress(), ClusterDns.PORT)),
            ClusterSpec.CLUSTER_DOMAIN,
            List.of(spec.serviceNetwork()),
            spec.podNetworks(),
            ClusterDns.upstreams());
    // The kubelet has this node's pods followed anyway, and nobody else asks here.
    return usual.withCluster(usual.cluster().withSearchShortcut(ClusterDns.search()));
  }

  private static KubeletConfig kubelet(ClusterSpec spec, ClusterPaths paths, Machine machine) {
    String serving = Pki.kubeletServer(machine);
    return new KubeletConfig(
        machine.name(),
        machine.addresses().stream().map(IpAddress::toString).toList(),
        paths.containerdSocket(machine),
        paths.machineState(machine).resolve("kubelet"),
        spec.dnsAddress().toString(),
        ClusterSpec.CLUSTER_DOMAIN,
        RESOLV_CONF,
        "/" + paths.cgroup(machine),
        new KubeletConfig.Tls(
            Pki.certificate(paths, serving), Pki.key(paths, serving), Pki.authority(paths)),
        KUBELET_PORT,
        MOST_PODS,
        Map.of());
  }
}
