// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The configuration file of a machine's containerd (`containerd-config.toml(5)`, version 2).
final class ContainerdConfig {
  private static final int CAP_SYS_RESOURCE = 24;

  private ContainerdConfig() {}

  static String render(ClusterPaths paths, Machine machine) {
    return """
    version = 2
    root = "%1$s/containerd"
    state = "%2$s/containerd"
    disabled_plugins = [
      "io.containerd.snapshotter.v1.aufs",
      "io.containerd.snapshotter.v1.btrfs",
      "io.containerd.snapshotter.v1.devmapper",
      "io.containerd.snapshotter.v1.zfs",
      "io.containerd.internal.v1.opt",
      "io.containerd.tracing.processor.v1.otlp",
      "io.containerd.internal.v1.tracing",
    ]

    [grpc]
      address = "%3$s"

    [plugins."io.containerd.grpc.v1.cri"]
      sandbox_image = "%4$s"
      stream_server_address = "127.0.0.1"
      stream_server_port = "0"
      netns_mounts_under_state_dir = true
      restrict_oom_score_adj = %7$s
      max_concurrent_downloads = 3

      [plugins."io.containerd.grpc.v1.cri".cni]
        bin_dir = "%5$s"
        conf_dir = "%6$s"

      [plugins."io.containerd.grpc.v1.cri".containerd]
        snapshotter = "overlayfs"
        default_runtime_name = "runc"

        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"

          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            SystemdCgroup = false
            Root = "%2$s/runc"
    """
        .formatted(
            paths.machineState(machine),
            paths.machineRun(machine),
            paths.containerdSocket(machine),
            Images.PAUSE,
            paths.cniBinaries(machine),
            paths.cniConfigurations(machine),
            !mayProtectFromOutOfMemory());
  }

  /// Pods' sandboxes are to be the last to be killed when memory runs out, which only a process
  /// with CAP_SYS_RESOURCE (bit 24, `linux/capability.h`) may ask for. Root in a container may lack
  /// it.
  private static boolean mayProtectFromOutOfMemory() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("CapEff:")) {
          long effective = Long.parseUnsignedLong(line.substring(7).strip(), 16);
          return (effective >>> CAP_SYS_RESOURCE & 1) == 1;
        }
      }
    } catch (IOException e) {
      throw new ProvisionException("/proc/self/status cannot be read: is /proc mounted?", e);
    }
    return false;
  }
}
