// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

/// The configuration file of a machine's containerd (`containerd-config.toml(5)`, version 2).
final class ContainerdConfig {
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
      max_concurrent_downloads = 3
      restrict_oom_score_adj = true

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
    """
        .formatted(
            paths.machineState(machine),
            paths.machineRun(machine),
            paths.containerdSocket(machine),
            Images.PAUSE,
            paths.cniBinaries(machine),
            paths.cniConfigurations(machine));
  }
}
