// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.IpFamily;
import dev.fairway.provision.ClusterLock;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterRemoval;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ClusterSpecFile;
import dev.fairway.provision.LocalCluster;
import dev.fairway.provision.ProvisionException;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "up",
    description =
        "Starts a cluster on this host, or mends one: a controller and some workers, each a network"
            + " namespace with its own container runtime.")
final class UpCommand implements Callable<Integer> {
  private static final int DEFAULT_WORKERS = 3;

  @Mixin private ClusterOption cluster = new ClusterOption();

  @Option(
      names = "--workers",
      paramLabel = "N",
      description = "how many workers (default: " + DEFAULT_WORKERS + ")")
  private @Nullable Integer workers;

  @Option(
      names = "--network",
      paramLabel = "BACKEND",
      description =
          "how pods on different nodes reach one another: vxlan (default), routes, bgp, or wireguard"
              + " (encrypted; needs WireGuard in the kernel, or the package wireguard-go)")
  private @Nullable String network;

  @Option(
      names = "--services",
      paramLabel = "DATAPATH",
      description =
          "what carries out Services on each node: nftables (default), iptables, with kube-proxy's"
              + " own chains, or ebpf, at the sockets of pods")
  private @Nullable String services;

  @Option(
      names = "--ip-families",
      paramLabel = "FAMILIES",
      description =
          "which addresses machines and pods get: ipv4 (default), or dual for IPv4 and IPv6")
  private @Nullable String ipFamilies;

  @Option(
      names = "--store",
      paramLabel = "ENGINE",
      description =
          "where the API server keeps its objects: embedded (default), a file of its own, or etcd"
              + " (needs the package etcd-server)")
  private @Nullable String store;

  @Override
  public Integer call() throws InterruptedException {
    Requirements.root("up");
    long from = System.nanoTime();
    Optional<ClusterSpec> existing = ClusterSpecFile.find(cluster.name);
    existing.ifPresent(this::refuseOtherShape);
    ClusterSpec spec =
        existing.map(there -> there.withBackend(backend(there.backend()))).orElseGet(this::newSpec);
    LocalCluster local = new LocalCluster(spec);
    Steps steps = new Steps(System.out);
    Requirements.host();
    Optional<Datapath> datapath = datapath();
    try (ClusterLock lock = ClusterLock.take(local.paths())) {
      if (existing.isPresent() && local.processes().stream().allMatch(p -> p.pid().isPresent())) {
        local.ensureNetwork();
        steps.say("cluster " + spec.name() + " is running");
      } else {
        raise(local, datapath.orElse(Datapath.NFTABLES), steps, existing.isEmpty());
        steps.done(
            "cluster " + spec.name() + " is ready", Duration.ofNanos(System.nanoTime() - from));
      }
      if (existing.isPresent() && network != null) {
        changeBackend(local, steps);
      }
      if (existing.isPresent() && datapath.isPresent()) {
        new ApiProbe(local.spec(), local.paths())
            .patch(PodNetworkObject.PATH, PodNetworkObject.changedTo(datapath.get()));
        steps.say("the nodes carry out Services by " + services);
      }
    }
    sayWhatNext(local);
    return 0;
  }

  /// On a running cluster, without cutting connections: every agent follows the settings.
  private static void changeBackend(LocalCluster local, Steps steps) throws InterruptedException {
    ClusterSpec spec = local.spec();
    ApiProbe api = new ApiProbe(spec, local.paths());
    String path = PodNetworkObject.PATH;
    Optional<String> patch = PodNetworkObject.changedTo(spec.backend(), api.object(path));
    if (patch.isPresent()) {
      api.patch(path, patch.get());
      steps.say("the nodes change to " + spec.backend() + "; ./fairway net shows how far they are");
    }
    ClusterSpecFile.write(spec);
  }

  private static void raise(LocalCluster local, Datapath services, Steps steps, boolean isNew)
      throws InterruptedException {
    try {
      new ClusterStart(local, services, steps).run();
    } catch (ProvisionException e) {
      if (isNew) {
        // A cluster that never was ready is of no use to anybody; its log lines are in the message.
        ClusterRemoval removal = new ClusterRemoval(local.paths());
        removal.endProcesses();
        removal.removeTraces();
      }
      throw e;
    }
  }

  private ClusterSpec newSpec() {
    ClusterSpec spec =
        ClusterSpecFile.choose(
                cluster.name,
                workers == null ? DEFAULT_WORKERS : workers,
                backend(ClusterSpec.Backend.VXLAN),
                ipFamilies(List.of(IpFamily.IPV4)))
            .withStorage(storage(ClusterSpec.Storage.EMBEDDED));
    if (new ClusterRemoval(ClusterPaths.of(cluster.name)).isNeeded()) {
      throw new ProvisionException(
          "there are remains of a cluster "
              + cluster.name
              + "; ./fairway down --name "
              + cluster.name
              + " removes them");
    }
    return spec;
  }

  private ClusterSpec.Backend backend(ClusterSpec.Backend ifNotGiven) {
    return switch (network) {
      case null -> ifNotGiven;
      case "vxlan" -> ClusterSpec.Backend.VXLAN;
      case "routes" -> ClusterSpec.Backend.ROUTES;
      case "bgp" -> ClusterSpec.Backend.BGP;
      case "wireguard" -> ClusterSpec.Backend.WIREGUARD;
      default ->
          throw new ProvisionException(
              "--network " + network + ": it is vxlan, routes, bgp or wireguard");
    };
  }

  private Optional<Datapath> datapath() {
    try {
      return Optional.ofNullable(services).map(Datapath::of);
    } catch (IllegalArgumentException e) {
      throw new ProvisionException("--services: " + e.getMessage(), e);
    }
  }

  private List<IpFamily> ipFamilies(List<IpFamily> ifNotGiven) {
    return switch (ipFamilies) {
      case null -> ifNotGiven;
      case "ipv4" -> List.of(IpFamily.IPV4);
      case "dual" -> List.of(IpFamily.IPV4, IpFamily.IPV6);
      case "ipv6" ->
          throw new ProvisionException(
              "--ip-families ipv6: a cluster without IPv4 is not offered yet, as Services and names"
                  + " have IPv4 addresses so far; dual gives pods both");
      default ->
          throw new ProvisionException("--ip-families " + ipFamilies + ": it is ipv4 or dual");
    };
  }

  private ClusterSpec.Storage storage(ClusterSpec.Storage ifNotGiven) {
    return switch (store) {
      case null -> ifNotGiven;
      case "embedded" -> ClusterSpec.Storage.EMBEDDED;
      case "etcd" -> ClusterSpec.Storage.ETCD;
      default -> throw new ProvisionException("--store " + store + ": it is embedded or etcd");
    };
  }

  private void refuseOtherShape(ClusterSpec there) {
    boolean sameWorkers = workers == null || workers == there.workers();
    boolean sameFamilies = ipFamilies(there.ipFamilies()).equals(there.ipFamilies());
    boolean sameStorage = storage(there.storage()) == there.storage();
    if (!sameWorkers || !sameFamilies || !sameStorage) {
      throw new ProvisionException(
          "cluster "
              + there.name()
              + " is there with "
              + there.workers()
              + " workers and "
              + (there.ipFamilies().size() == 1 ? "IPv4" : "IPv4 and IPv6")
              + (there.storage() == ClusterSpec.Storage.ETCD ? " and etcd" : "")
              + "; ./fairway down --name "
              + there.name()
              + " first, to make it another way");
    }
  }

  private static void sayWhatNext(LocalCluster local) {
    String name = local.spec().name();
    String kubectl =
        name.equals("lab") ? "./fairway kubectl" : "FAIRWAY_CLUSTER=" + name + " ./fairway kubectl";
    System.out.println();
    System.out.println("Try next:");
    System.out.println("  " + kubectl + " get nodes -o wide");
    System.out.println(
        "  " + kubectl + " create deployment hello --image=fairway.local/toolbox:1 --replicas=3");
    System.out.println("  " + kubectl + " expose deployment hello --port=80 --type=NodePort");
    System.out.println("  " + kubectl + " get pods,services -o wide");
    System.out.println("  ip netns exec " + "fairway-" + name + "-worker-0 ip route");
    System.out.println("  docs/tour.md explains each step; ./fairway down takes it all away");
    System.out.println("Your own kubectl: export KUBECONFIG=" + local.paths().adminKubeconfig());
  }
}
