// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.v1.Capability;
import dev.fairway.kubelet.cri.v1.ContainerConfig;
import dev.fairway.kubelet.cri.v1.ContainerMetadata;
import dev.fairway.kubelet.cri.v1.ImageSpec;
import dev.fairway.kubelet.cri.v1.KeyValue;
import dev.fairway.kubelet.cri.v1.LinuxContainerConfig;
import dev.fairway.kubelet.cri.v1.LinuxContainerResources;
import dev.fairway.kubelet.cri.v1.LinuxContainerSecurityContext;
import dev.fairway.kubelet.cri.v1.Mount;
import dev.fairway.kubelet.cri.v1.SecurityProfile;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.SeccompProfile;
import io.fabric8.kubernetes.api.model.SecurityContext;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/// A pod's container as the runtime's container settings.
final class ContainerSpec {
  // What of /proc and /sys an unprivileged container must not see or change: the field's own lists.
  private static final List<String> MASKED =
      List.of(
          "/proc/asound",
          "/proc/acpi",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/sys/firmware");
  private static final List<String> READ_ONLY =
      List.of("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");

  private ContainerSpec() {}

  /// What is not in the pod's text: values looked up elsewhere, and paths on this machine.
  ///
  /// @param environment resolved variables, in order
  /// @param mounts with paths on this machine
  record Surroundings(Map<String, String> environment, List<Mount> mounts, long nodeMemoryBytes) {}

  static ContainerConfig of(Pod pod, Container container, int restarts, Surroundings around) {
    PodRef ref = PodRef.of(pod);
    String name = container.getName();
    var config =
        ContainerConfig.newBuilder()
            .setMetadata(ContainerMetadata.newBuilder().setName(name).setAttempt(restarts))
            .setImage(ImageSpec.newBuilder().setImage(container.getImage()))
            .setLogPath(logPath(name, restarts))
            .setStdin(Boolean.TRUE.equals(container.getStdin()))
            .setStdinOnce(Boolean.TRUE.equals(container.getStdinOnce()))
            .setTty(Boolean.TRUE.equals(container.getTty()))
            .addAllMounts(around.mounts())
            .putAllLabels(SandboxSpec.labels(ref))
            .putLabels(Labels.CONTAINER_NAME, name)
            .putAnnotations(Labels.RESTART_COUNT, Integer.toString(restarts))
            .putAnnotations(Labels.CONTAINER_HASH, hash(container))
            .putAnnotations(Labels.TERMINATION_PATH, terminationPath(container))
            .putAnnotations(Labels.TERMINATION_POLICY, terminationPolicy(container))
            .setLinux(linux(pod, container, around.nodeMemoryBytes()));
    Map<String, String> environment = around.environment();
    environment.forEach(
        (key, value) -> config.addEnvs(KeyValue.newBuilder().setKey(key).setValue(value)));
    if (container.getCommand() != null) {
      container.getCommand().forEach(w -> config.addCommand(Expansion.of(w, environment)));
    }
    if (container.getArgs() != null) {
      container.getArgs().forEach(w -> config.addArgs(Expansion.of(w, environment)));
    }
    if (container.getWorkingDir() != null) {
      config.setWorkingDir(container.getWorkingDir());
    }
    return config.build();
  }

  /// Tells whether a running container is still the one asked for. Only the image of a running pod
  /// can be changed, so nothing else counts.
  static String hash(Container container) {
    return HexFormat.of()
        .toHexDigits((container.getName() + "\n" + container.getImage()).hashCode());
  }

  static String logPath(String container, int restarts) {
    return container + "/" + restarts + ".log";
  }

  static String terminationPath(Container container) {
    String path = container.getTerminationMessagePath();
    return path == null || path.isEmpty() ? "/dev/termination-log" : path;
  }

  private static String terminationPolicy(Container container) {
    String policy = container.getTerminationMessagePolicy();
    return policy == null ? "File" : policy;
  }

  static boolean privileged(Container container) {
    SecurityContext context = container.getSecurityContext();
    return context != null && Boolean.TRUE.equals(context.getPrivileged());
  }

  private static LinuxContainerConfig linux(Pod pod, Container container, long nodeMemoryBytes) {
    var resources =
        LinuxContainerResources.newBuilder()
            .setCpuPeriod(Qos.PERIOD_MICROS)
            .setCpuShares(Qos.shares(container))
            .setCpuQuota(Qos.quotaMicros(container))
            .setMemoryLimitInBytes(Qos.memoryLimitBytes(container))
            .setOomScoreAdj(Qos.oomScoreAdjust(pod, container, nodeMemoryBytes));
    return LinuxContainerConfig.newBuilder()
        .setResources(resources)
        .setSecurityContext(security(pod, container))
        .build();
  }

  private static LinuxContainerSecurityContext security(Pod pod, Container container) {
    var security =
        LinuxContainerSecurityContext.newBuilder()
            .setNamespaceOptions(SandboxSpec.namespaces(pod))
            .setPrivileged(privileged(container));
    SecurityContext own = container.getSecurityContext();
    PodSecurityContext shared = pod.getSpec().getSecurityContext();
    Long user = own != null && own.getRunAsUser() != null ? own.getRunAsUser() : null;
    Long group = own != null && own.getRunAsGroup() != null ? own.getRunAsGroup() : null;
    SeccompProfile seccomp = own != null ? own.getSeccompProfile() : null;
    if (shared != null) {
      user = user == null ? shared.getRunAsUser() : user;
      group = group == null ? shared.getRunAsGroup() : group;
      seccomp = seccomp == null ? shared.getSeccompProfile() : seccomp;
      if (shared.getFsGroup() != null) {
        security.addSupplementalGroups(shared.getFsGroup());
      }
      if (shared.getSupplementalGroups() != null) {
        security.addAllSupplementalGroups(shared.getSupplementalGroups());
      }
    }
    if (user != null) {
      security.setRunAsUser(SandboxSpec.int64(user));
    }
    if (group != null) {
      security.setRunAsGroup(SandboxSpec.int64(group));
      if (user == null) {
        // The runtime takes a group only beside a user; without one the image runs as root.
        security.setRunAsUser(SandboxSpec.int64(0));
      }
    }
    security.setSeccomp(seccomp(seccomp));
    if (!privileged(container)) {
      security.addAllMaskedPaths(MASKED).addAllReadonlyPaths(READ_ONLY);
    }
    if (own != null) {
      security.setReadonlyRootfs(Boolean.TRUE.equals(own.getReadOnlyRootFilesystem()));
      security.setNoNewPrivs(Boolean.FALSE.equals(own.getAllowPrivilegeEscalation()));
      if (own.getCapabilities() != null) {
        var capabilities = Capability.newBuilder();
        if (own.getCapabilities().getAdd() != null) {
          capabilities.addAllAddCapabilities(own.getCapabilities().getAdd());
        }
        if (own.getCapabilities().getDrop() != null) {
          capabilities.addAllDropCapabilities(own.getCapabilities().getDrop());
        }
        security.setCapabilities(capabilities);
      }
    }
    return security.build();
  }

  private static SecurityProfile seccomp(SeccompProfile profile) {
    var chosen = SecurityProfile.newBuilder();
    String type = profile == null || profile.getType() == null ? "Unconfined" : profile.getType();
    switch (type) {
      case "RuntimeDefault" -> chosen.setProfileType(SecurityProfile.ProfileType.RuntimeDefault);
      case "Localhost" ->
          chosen
              .setProfileType(SecurityProfile.ProfileType.Localhost)
              .setLocalhostRef(profile.getLocalhostProfile());
      default -> chosen.setProfileType(SecurityProfile.ProfileType.Unconfined);
    }
    return chosen.build();
  }
}
