// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.v1.DNSConfig;
import dev.fairway.kubelet.cri.v1.Int64Value;
import dev.fairway.kubelet.cri.v1.LinuxPodSandboxConfig;
import dev.fairway.kubelet.cri.v1.LinuxSandboxSecurityContext;
import dev.fairway.kubelet.cri.v1.NamespaceMode;
import dev.fairway.kubelet.cri.v1.NamespaceOption;
import dev.fairway.kubelet.cri.v1.PodSandboxConfig;
import dev.fairway.kubelet.cri.v1.PodSandboxMetadata;
import dev.fairway.kubelet.cri.v1.PortMapping;
import dev.fairway.kubelet.cri.v1.Protocol;
import dev.fairway.kubelet.cri.v1.SecurityProfile;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import java.util.Map;

/// A pod as the runtime's sandbox settings: names, namespaces, resolver, cgroup.
final class SandboxSpec {
  private static final int MAX_HOSTNAME = 63;

  private SandboxSpec() {}

  static PodSandboxConfig of(Pod pod, int attempt, DNSConfig dns, KubeletConfig config) {
    PodRef ref = PodRef.of(pod);
    var linux =
        LinuxPodSandboxConfig.newBuilder()
            .setCgroupParent(cgroup(config, ref))
            .setSecurityContext(security(pod));
    PodSecurityContext context = pod.getSpec().getSecurityContext();
    if (context != null && context.getSysctls() != null) {
      context.getSysctls().forEach(s -> linux.putSysctls(s.getName(), s.getValue()));
    }
    var sandbox =
        PodSandboxConfig.newBuilder()
            .setMetadata(
                PodSandboxMetadata.newBuilder()
                    .setName(ref.name())
                    .setNamespace(ref.namespace())
                    .setUid(ref.uid())
                    .setAttempt(attempt))
            // On the host network there is no name of its own to set.
            .setHostname(hostNetwork(pod) ? "" : hostname(pod))
            .setLogDirectory(config.logsDirectory().resolve(ref.logDirectoryName()).toString())
            .setDnsConfig(dns)
            .putAllLabels(labels(ref))
            .setLinux(linux);
    if (pod.getMetadata().getAnnotations() != null) {
      // Where the runtime finds kubernetes.io/ingress-bandwidth for the network plugin.
      sandbox.putAllAnnotations(pod.getMetadata().getAnnotations());
    }
    if (!hostNetwork(pod)) {
      RestartRule.apps(pod).forEach(container -> addPorts(sandbox, container));
    }
    return sandbox.build();
  }

  static Map<String, String> labels(PodRef ref) {
    return Map.of(
        Labels.POD_NAME, ref.name(),
        Labels.POD_NAMESPACE, ref.namespace(),
        Labels.POD_UID, ref.uid());
  }

  static String cgroup(KubeletConfig config, PodRef ref) {
    return config.cgroupParent() + "/pod" + ref.uid();
  }

  static boolean hostNetwork(Pod pod) {
    return Boolean.TRUE.equals(pod.getSpec().getHostNetwork());
  }

  static String hostname(Pod pod) {
    String own = pod.getSpec().getHostname();
    String name = own == null || own.isEmpty() ? pod.getMetadata().getName() : own;
    if (name.length() <= MAX_HOSTNAME) {
      return name;
    }
    String cut = name.substring(0, MAX_HOSTNAME);
    while (cut.endsWith("-") || cut.endsWith(".")) {
      cut = cut.substring(0, cut.length() - 1);
    }
    return cut;
  }

  static NamespaceOption namespaces(Pod pod) {
    var spec = pod.getSpec();
    NamespaceMode pid = NamespaceMode.CONTAINER;
    if (Boolean.TRUE.equals(spec.getHostPID())) {
      pid = NamespaceMode.NODE;
    } else if (Boolean.TRUE.equals(spec.getShareProcessNamespace())) {
      pid = NamespaceMode.POD;
    }
    boolean hostIpc = Boolean.TRUE.equals(spec.getHostIPC());
    return NamespaceOption.newBuilder()
        .setNetwork(hostNetwork(pod) ? NamespaceMode.NODE : NamespaceMode.POD)
        .setPid(pid)
        .setIpc(hostIpc ? NamespaceMode.NODE : NamespaceMode.POD)
        .build();
  }

  static Int64Value int64(long value) {
    return Int64Value.newBuilder().setValue(value).build();
  }

  private static LinuxSandboxSecurityContext security(Pod pod) {
    var security =
        LinuxSandboxSecurityContext.newBuilder()
            .setNamespaceOptions(namespaces(pod))
            .setPrivileged(RestartRule.apps(pod).stream().anyMatch(ContainerSpec::privileged))
            .setSeccomp(
                SecurityProfile.newBuilder()
                    .setProfileType(SecurityProfile.ProfileType.RuntimeDefault));
    PodSecurityContext context = pod.getSpec().getSecurityContext();
    if (context != null) {
      if (context.getRunAsUser() != null) {
        security.setRunAsUser(int64(context.getRunAsUser()));
      }
      if (context.getRunAsUser() != null && context.getRunAsGroup() != null) {
        security.setRunAsGroup(int64(context.getRunAsGroup()));
      }
      if (context.getFsGroup() != null) {
        security.addSupplementalGroups(context.getFsGroup());
      }
      if (context.getSupplementalGroups() != null) {
        security.addAllSupplementalGroups(context.getSupplementalGroups());
      }
    }
    return security.build();
  }

  private static void addPorts(PodSandboxConfig.Builder sandbox, Container container) {
    if (container.getPorts() == null) {
      return;
    }
    for (ContainerPort port : container.getPorts()) {
      var mapping =
          PortMapping.newBuilder()
              .setContainerPort(port.getContainerPort())
              .setHostPort(port.getHostPort() == null ? 0 : port.getHostPort())
              .setProtocol(
                  port.getProtocol() == null ? Protocol.TCP : Protocol.valueOf(port.getProtocol()));
      if (port.getHostIP() != null) {
        mapping.setHostIp(port.getHostIP());
      }
      sandbox.addPortMappings(mapping);
    }
  }
}
