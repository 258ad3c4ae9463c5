// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.apimachinery.Kinds;
import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.controllers.Controllers;
import dev.fairway.controllers.ControllersConfig;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.podnet.ControlPlaneRoutes;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Machine;
import dev.fairway.provision.Pki;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.EtcdConfig;
import dev.fairway.store.EtcdStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import dev.fairway.store.Transformer;
import dev.fairway.store.encryption.EncryptionConfiguration;
import dev.fairway.traffic.policy.ClusterPolicies;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What runs on a controller: the store, the API server on it, then the controllers and the
/// scheduler as its clients, each by its own identity.
final class ServerProcess {
  private static final Logger LOG = LoggerFactory.getLogger(ServerProcess.class);
  private static final int FIRST_NODE_PORT = 30000;
  private static final int LAST_NODE_PORT = 32767;

  private static final String UNDERLAY = "eth0";

  private ServerProcess() {}

  static void run(ClusterSpec spec, Machine machine) throws IOException, InterruptedException {
    ClusterPaths paths = ClusterPaths.of(spec.name());
    try (Store store = openStore(spec, paths, machine);
        ApiServer api = ApiServer.start(apiServer(spec, paths, machine, store));
        KubernetesClient controllersClient =
            ApiClients.connect(paths.kubeconfig(machine, Pki.CONTROLLERS), "fairway-controllers");
        KubernetesClient schedulerClient =
            ApiClients.connect(paths.kubeconfig(machine, Pki.SCHEDULER), "fairway-scheduler");
        Controllers controllers =
            Controllers.start(
                controllersClient,
                schedulerClient,
                ControllersConfig.of(spec.podNetworks(), Files.readString(Pki.authority(paths))));
        NetworkNamespace here = NetworkNamespace.current();
        ControlPlaneRoutes routes =
            new ControlPlaneRoutes(
                here,
                controllersClient,
                new ControlPlaneRoutes.Config(UNDERLAY, machine.addresses(), spec.podNetworks()));
        ClusterPolicies policies = ClusterPolicies.tell(controllersClient);
        ClusterFollower follower = follow(controllersClient, routes)) {
      LOG.info("{} serves the API at {}", machine.name(), api.address());
      Termination.await();
    }
  }

  private static Store openStore(ClusterSpec spec, ClusterPaths paths, Machine machine)
      throws IOException {
    Transformer encryption = encryption(Pki.encryptionConfiguration(paths));
    if (spec.storage() == ClusterSpec.Storage.ETCD) {
      Path identities = Pki.etcd(paths);
      EtcdConfig.Tls tls =
          new EtcdConfig.Tls(
              identities.resolve("ca.crt"),
              identities.resolve(Pki.ETCD_CLIENT + ".crt"),
              identities.resolve(Pki.ETCD_CLIENT + ".key"));
      List<URI> endpoints = List.of(URI.create(spec.etcdUrl()));
      return EtcdStore.open(EtcdConfig.of(endpoints, tls).with(encryption));
    }
    Path directory = paths.machineState(machine).resolve("store");
    Files.createDirectories(directory);
    return EmbeddedStore.open(StoreConfig.of(directory.resolve("objects.db")).with(encryption));
  }

  private static Transformer encryption(Path file) throws IOException {
    // A cluster that is older than encryption has no such file.
    if (!Files.exists(file)) {
      return Transformer.NONE;
    }
    try {
      return EncryptionConfiguration.read(Files.readString(file), Kinds.builtin()::storedAt);
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static ClusterFollower follow(KubernetesClient client, ControlPlaneRoutes routes)
      throws InterruptedException {
    ClusterFollower.Builder builder = ClusterFollower.of(client);
    routes.subscribe(builder);
    return builder.start();
  }

  private static InetSocketAddress listenAt(Machine machine) {
    return machine.addresses().size() == 1
        ? new InetSocketAddress(machine.address().toInetAddress(), ClusterSpec.API_PORT)
        : new InetSocketAddress(ClusterSpec.API_PORT);
  }

  private static ApiServerConfig apiServer(
      ClusterSpec spec, ClusterPaths paths, Machine machine, Store store) {
    return new ApiServerConfig(
        listenAt(machine),
        machine.address(),
        Pki.certificate(paths, Pki.API_SERVER),
        Pki.key(paths, Pki.API_SERVER),
        Pki.authority(paths),
        Pki.key(paths, Pki.SERVICE_ACCOUNTS),
        List.of(Pki.tokenVerificationKey(paths)),
        "https://kubernetes.default.svc." + ClusterSpec.CLUSTER_DOMAIN,
        Pki.certificate(paths, Pki.KUBELET_CLIENT),
        Pki.key(paths, Pki.KUBELET_CLIENT),
        Pki.authority(paths),
        List.of(spec.serviceNetwork()),
        FIRST_NODE_PORT,
        LAST_NODE_PORT,
        ClusterSpec.CLUSTER_DOMAIN,
        store);
  }
}
