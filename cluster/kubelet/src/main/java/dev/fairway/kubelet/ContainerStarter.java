// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.ContainerConfig;
import dev.fairway.kubelet.cri.v1.Image;
import dev.fairway.kubelet.cri.v1.Mount;
import dev.fairway.kubelet.cri.v1.PodSandboxConfig;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.HostAlias;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.SecurityContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Makes sandboxes and containers of one pod, with the files they need on this machine.
final class ContainerStarter {
  private static final Path HOST_HOSTS = Path.of("/etc/hosts");

  private final NodeContext node;
  private final PodEvents events;

  ContainerStarter(NodeContext node, PodEvents events) {
    this.node = node;
    this.events = events;
  }

  String runSandbox(Pod pod, int attempt) throws IOException, NotReadyException {
    node.volumes().prepare(fields(pod, List.of()));
    Files.createDirectories(logDirectory(pod));
    return node.cri().runSandbox(sandbox(pod, attempt));
  }

  /// @return the new container's id
  /// @throws NotReadyException with the reason to show while it waits to be tried again
  String start(Pod pod, Container container, ObservedPod.Sandbox sandbox, int restarts)
      throws IOException, NotReadyException {
    List<String> addresses =
        SandboxSpec.hostNetwork(pod) ? node.config().nodeIps() : sandbox.addresses();
    PodFields fields = fields(pod, addresses);
    Map<String, Volumes.Place> volumes = node.volumes().prepare(fields);
    Map<String, String> variables = new Environment(node.objects(), fields).of(container);
    requireUser(pod, container);
    List<Mount> mounts = new ArrayList<>(node.volumes().mounts(container, volumes, variables));
    addMount(mounts, "/etc/hosts", hosts(pod, addresses));
    var terminations =
        new TerminationMessages(node.volumes().podDirectory(pod.getMetadata().getUid()));
    addMount(
        mounts,
        ContainerSpec.terminationPath(container),
        terminations.create(container.getName(), restarts));
    Files.createDirectories(logDirectory(pod).resolve(container.getName()));
    ContainerConfig config =
        ContainerSpec.of(
            pod,
            container,
            restarts,
            new ContainerSpec.Surroundings(variables, mounts, node.machine().memoryBytes()));
    String id = create(sandbox, config, sandbox(pod, sandbox.attempt()));
    events.container(container, "Normal", "Created", "Created container: " + container.getName());
    try {
      node.cri().startContainer(id);
    } catch (CriException e) {
      // The runtime keeps it as ended with the same words, so from here on it is a crash like
      // others.
      events.container(container, "Warning", "Failed", "Error: " + e.reason());
      throw new NotReadyException("RunContainerError", e.reason());
    }
    events.container(container, "Normal", "Started", "Started container " + container.getName());
    return id;
  }

  PodFields fields(Pod pod, List<String> addresses) {
    return new PodFields(
        pod,
        addresses,
        node.config().nodeIps(),
        node.machine().memoryBytes(),
        node.machine().cpus());
  }

  private String create(ObservedPod.Sandbox sandbox, ContainerConfig config, PodSandboxConfig pod)
      throws NotReadyException {
    try {
      return node.cri().createContainer(sandbox.id(), config, pod);
    } catch (CriException e) {
      if (e.unreachable()) {
        throw e;
      }
      throw new NotReadyException("CreateContainerError", e.reason());
    }
  }

  private PodSandboxConfig sandbox(Pod pod, int attempt) throws IOException {
    KubeletConfig config = node.config();
    List<String> resolver =
        Files.exists(config.resolvConf()) ? Files.readAllLines(config.resolvConf()) : List.of();
    var dns = PodDns.of(pod, config.clusterDns(), config.clusterDomain(), resolver);
    return SandboxSpec.of(pod, attempt, dns, config);
  }

  private Path logDirectory(Pod pod) {
    return node.config().logsDirectory().resolve(PodRef.of(pod).logDirectoryName());
  }

  /// An image that says nothing runs as root, so asking for another user needs a number to check.
  private void requireUser(Pod pod, Container container) throws NotReadyException {
    SecurityContext own = container.getSecurityContext();
    PodSecurityContext shared = pod.getSpec().getSecurityContext();
    Boolean nonRoot = own == null ? null : own.getRunAsNonRoot();
    Long user = own == null ? null : own.getRunAsUser();
    if (shared != null) {
      nonRoot = nonRoot == null ? shared.getRunAsNonRoot() : nonRoot;
      user = user == null ? shared.getRunAsUser() : user;
    }
    if (!Boolean.TRUE.equals(nonRoot)) {
      return;
    }
    if (user == null) {
      Image image = node.cri().image(container.getImage()).orElse(Image.getDefaultInstance());
      if (!image.hasUid() && !image.getUsername().isEmpty()) {
        throw new NotReadyException(
            "CreateContainerConfigError",
            "container has runAsNonRoot and image has non-numeric user ("
                + image.getUsername()
                + "), cannot verify user is non-root");
      }
      user = image.getUid().getValue();
    }
    if (user == 0) {
      throw new NotReadyException(
          "CreateContainerConfigError",
          "container has runAsNonRoot and will run as root (container: "
              + container.getName()
              + "); set runAsUser");
    }
  }

  private static void addMount(List<Mount> mounts, String containerPath, Path hostPath) {
    // A volume the user put there wins.
    Path place = Path.of(containerPath).normalize();
    if (mounts.stream()
        .noneMatch(mount -> Path.of(mount.getContainerPath()).normalize().equals(place))) {
      mounts.add(
          Mount.newBuilder()
              .setContainerPath(containerPath)
              .setHostPath(hostPath.toString())
              .build());
    }
  }

  private Path hosts(Pod pod, List<String> addresses) throws IOException {
    StringBuilder text = new StringBuilder(256);
    if (SandboxSpec.hostNetwork(pod)) {
      text.append(Files.exists(HOST_HOSTS) ? Files.readString(HOST_HOSTS) : "");
    } else {
      text.append("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n");
      text.append("::1\tlocalhost ip6-localhost ip6-loopback\n");
      String name = SandboxSpec.hostname(pod);
      String subdomain = pod.getSpec().getSubdomain();
      for (String address : addresses) {
        text.append(address).append('\t');
        if (subdomain != null && !subdomain.isEmpty()) {
          text.append(name).append('.').append(subdomain).append('.');
          text.append(pod.getMetadata().getNamespace()).append(".svc.");
          text.append(node.config().clusterDomain()).append('\t');
        }
        text.append(name).append('\n');
      }
    }
    if (pod.getSpec().getHostAliases() != null) {
      for (HostAlias alias : pod.getSpec().getHostAliases()) {
        text.append(alias.getIp()).append('\t');
        text.append(String.join("\t", alias.getHostnames())).append('\n');
      }
    }
    Path directory = node.volumes().podDirectory(pod.getMetadata().getUid());
    Files.createDirectories(directory);
    Path file = directory.resolve("etc-hosts");
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    return file;
  }
}
