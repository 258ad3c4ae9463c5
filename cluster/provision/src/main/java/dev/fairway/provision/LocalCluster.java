// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// A cluster on this host, step by step as the hard way does it. Each step makes what is missing
/// and leaves what is there.
public final class LocalCluster {
  public static final String CONTAINERD = "containerd";
  public static final String FAIRWAY = "fairway";
  private static final Duration CONTAINERD_DEADLINE = Duration.ofSeconds(30);
  private static final Duration POLL = Duration.ofMillis(20);

  private final ClusterSpec spec;
  private final ClusterPaths paths;

  public LocalCluster(ClusterSpec spec) {
    this.spec = spec;
    this.paths = ClusterPaths.of(spec.name());
  }

  public ClusterSpec spec() {
    return spec;
  }

  public ClusterPaths paths() {
    return paths;
  }

  /// The machines' wires and namespaces.
  public void ensureNetwork() {
    new MachineNetwork(spec, paths).ensure();
  }

  /// The authority, a certificate for every part, and the kubeconfigs.
  public void ensureIdentities(Instant now) {
    CertificateAuthority authority = CertificateAuthority.openOrCreate(paths.pki(), now);
    Machine controller = spec.controller();
    EncryptionKeys.ensure(Pki.encryptionConfiguration(paths));
    if (spec.storage() == ClusterSpec.Storage.ETCD) {
      etcd().ensureIdentities(now);
    }
    authority.issue(
        Pki.API_SERVER,
        new Subject(
            "kube-apiserver",
            List.of(),
            List.of(
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                "kubernetes.default.svc." + ClusterSpec.CLUSTER_DOMAIN,
                controller.name(),
                "localhost"),
            apiServerAddresses()));
    authority.issue(
        Pki.KUBELET_CLIENT, Subject.client("kube-apiserver-kubelet-client", "system:masters"));
    authority.signingKeys(Pki.SERVICE_ACCOUNTS);
    kubeconfig(authority, paths.adminKubeconfig(), Subject.client("admin", "system:masters"));
    kubeconfig(
        authority,
        paths.kubeconfig(controller, Pki.CONTROLLERS),
        Subject.client("system:kube-controller-manager"));
    kubeconfig(
        authority,
        paths.kubeconfig(controller, Pki.SCHEDULER),
        Subject.client("system:kube-scheduler"));
    for (Machine worker : spec.workerMachines()) {
      String user = "system:node:" + worker.name();
      kubeconfig(
          authority, paths.kubeconfig(worker, Pki.NODE), Subject.client(user, "system:nodes"));
      authority.issue(
          Pki.kubeletServer(worker),
          new Subject(user, List.of("system:nodes"), List.of(worker.name()), worker.addresses()));
    }
  }

  private List<IpAddress> apiServerAddresses() {
    List<IpAddress> addresses = new ArrayList<>();
    addresses.add(spec.apiServiceAddress());
    addresses.addAll(spec.controller().addresses());
    addresses.add(IpAddress.parse("127.0.0.1"));
    return addresses;
  }

  private void kubeconfig(CertificateAuthority authority, Path file, Subject subject) {
    String user = subject.commonName();
    KeyFiles identity = authority.issue(user.replace(':', '-'), subject);
    Kubeconfig.write(file, spec.name(), spec.apiUrl(), authority.certificateFile(), user, identity);
  }

  private Etcd etcd() {
    return new Etcd(spec, paths);
  }

  /// Starts what the API server keeps its objects in, where that is a process of its own.
  public void ensureStorage() throws InterruptedException {
    if (spec.storage() == ClusterSpec.Storage.ETCD) {
      etcd().ensureRunning();
    }
  }

  public MachineProcess containerd(Machine machine) {
    return new MachineProcess(paths, machine, CONTAINERD);
  }

  /// `fairway server` on a controller, `fairway node` on a worker.
  public MachineProcess fairway(Machine machine) {
    return new MachineProcess(paths, machine, FAIRWAY);
  }

  /// Writes the images' archives, unless they are there.
  public List<Path> prepareImages() {
    return Images.prepare(paths.images());
  }

  /// Starts a worker's container runtime, waits until it answers, and gives it the images.
  public void ensureContainerRuntime(Machine machine, List<Path> images)
      throws InterruptedException {
    Path config = paths.machineState(machine).resolve("containerd.toml");
    try {
      Files.createDirectories(paths.cniBinaries(machine));
      Files.createDirectories(paths.cniConfigurations(machine));
      Files.createDirectories(paths.machineRun(machine));
      Files.writeString(config, ContainerdConfig.render(paths, machine));
    } catch (IOException e) {
      throw new ProvisionException(config + " cannot be written: " + e.getMessage(), e);
    }
    containerd(machine).start(List.of("containerd", "--config", config.toString()));
    awaitContainerd(machine);
    for (Path image : images) {
      importImage(machine, image);
    }
  }

  private void awaitContainerd(Machine machine) throws InterruptedException {
    Path socket = paths.containerdSocket(machine);
    long deadline = System.nanoTime() + CONTAINERD_DEADLINE.toNanos();
    while (!answers(socket)) {
      if (containerd(machine).pid().isEmpty() || System.nanoTime() > deadline) {
        throw new ProvisionException(
            "containerd on " + machine.name() + " does not run" + containerd(machine).lastWords());
      }
      Thread.sleep(POLL);
    }
  }

  private static boolean answers(Path socket) {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      return channel.connect(UnixDomainSocketAddress.of(socket));
    } catch (IOException e) {
      return false;
    }
  }

  private void importImage(Machine machine, Path archive) throws InterruptedException {
    Path marker = paths.machineState(machine).resolve(archive.getFileName() + ".imported");
    if (Files.exists(marker)) {
      return;
    }
    try {
      Process ctr =
          new ProcessBuilder(
                  "ctr",
                  "--address",
                  paths.containerdSocket(machine).toString(),
                  "--namespace",
                  "k8s.io",
                  "images",
                  "import",
                  archive.toString())
              .redirectErrorStream(true)
              .start();
      String output =
          new String(ctr.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
      if (ctr.waitFor() != 0) {
        throw new ProvisionException(
            "image " + archive + " cannot be given to " + machine.name() + ": " + output.strip());
      }
      Files.createFile(marker);
    } catch (IOException e) {
      throw new ProvisionException(
          "image " + archive + " cannot be given to " + machine.name() + ": " + e.getMessage(), e);
    }
  }

  /// Every process of the cluster, running or not.
  public List<MachineProcess> processes() {
    List<MachineProcess> processes = new ArrayList<>();
    if (spec.storage() == ClusterSpec.Storage.ETCD) {
      processes.add(etcd().process());
    }
    for (Machine machine : spec.machines()) {
      if (machine.role() == Machine.Role.WORKER) {
        processes.add(containerd(machine));
      }
      processes.add(fairway(machine));
    }
    return processes;
  }
}
