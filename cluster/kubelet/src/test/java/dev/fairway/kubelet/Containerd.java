// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.linux.Mounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// A real containerd of the test's own, with one small image, that leaves nothing behind.
final class Containerd implements AutoCloseable {
  static final String IMAGE = "test.local/busybox:1";

  final Path directory;
  final Path socket;
  final String cgroup = "/fairway-kubelet-test-" + ProcessHandle.current().pid();
  private final List<Path> orphanedSockets = new ArrayList<>();
  private Process process;

  Containerd() throws IOException, InterruptedException {
    directory = Files.createTempDirectory("fairway-kubelet-");
    socket = directory.resolve("containerd.sock");
    Files.writeString(directory.resolve("config.toml"), config());
    // Enough for the runtime to call the network ready; pods here are on the host's.
    Files.createDirectories(directory.resolve("cni"));
    Files.writeString(
        directory.resolve("cni/10-lo.conf"),
        """
        {"cniVersion": "0.3.1", "name": "lo", "type": "loopback"}
        """);
    process = launch();
    awaitReady();
    Path image = directory.resolve("image.tar");
    BusyboxImage.write(image, IMAGE, "test.local/pause:1");
    run("ctr", "-a", socket.toString(), "-n", "k8s.io", "images", "import", image.toString());
  }

  KubeletConfig kubeletConfig() {
    return kubeletConfig(new KubeletConfig.Tls(Path.of("/"), Path.of("/"), Path.of("/")));
  }

  KubeletConfig kubeletConfig(KubeletConfig.Tls tls) {
    return new KubeletConfig(
        "node-a",
        List.of("127.0.0.1"),
        socket,
        directory.resolve("kubelet"),
        "10.32.0.10",
        "cluster.local",
        Path.of("/etc/resolv.conf"),
        cgroup,
        tls,
        0,
        110,
        Map.of());
  }

  /// Ends containerd; the containers go on.
  void kill() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor();
  }

  /// Kills every process of this containerd's pods, as a power cut would.
  void killShimsAndContainers() throws IOException {
    try (var files = Files.walk(directory.resolve("state"))) {
      for (Path file : files.filter(f -> f.endsWith("address")).toList()) {
        // A killed shim leaves its socket in the machine's /run.
        orphanedSockets.add(Path.of(Files.readString(file).strip().replace("unix://", "")));
      }
    }
    List<ProcessHandle> shims =
        ProcessHandle.allProcesses()
            .filter(p -> p.info().commandLine().orElse("").contains("-address " + socket))
            .toList();
    for (ProcessHandle shim : shims) {
      List<ProcessHandle> children = shim.descendants().toList();
      shim.destroyForcibly();
      children.forEach(ProcessHandle::destroyForcibly);
    }
  }

  void restart() throws IOException, InterruptedException {
    process = launch();
    awaitReady();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    try (Cri cri = new Cri(socket)) {
      for (var sandbox : cri.sandboxes(Map.of())) {
        cri.stopSandbox(sandbox.getId());
        cri.removeSandbox(sandbox.getId());
      }
    } finally {
      process.destroy();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        kill();
      }
      var _ = Mounts.unmountUnder(directory);
      AtomicDirectory.delete(directory);
      for (Path orphan : orphanedSockets) {
        Files.deleteIfExists(orphan);
      }
      PodCgroup.remove(cgroup);
    }
  }

  private Process launch() throws IOException {
    return new ProcessBuilder("containerd", "-c", directory.resolve("config.toml").toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()))
        .start();
  }

  private void awaitReady() throws InterruptedException {
    try (Cri cri = new Cri(socket)) {
      Await.until(
          "containerd answers",
          () -> {
            try {
              return !cri.version().getRuntimeVersion().isEmpty();
            } catch (CriException e) {
              return false;
            }
          });
    }
  }

  private static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(List.of(command) + ": " + output);
    }
  }

  private String config() {
    return """
    version = 2
    root = "%1$s/root"
    state = "%1$s/state"
    disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs", \
    "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", \
    "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
    [grpc]
      address = "%1$s/containerd.sock"
    [ttrpc]
      address = "%1$s/ttrpc.sock"
    [plugins."io.containerd.grpc.v1.cri"]
      sandbox_image = "test.local/pause:1"
      stream_server_address = "127.0.0.1"
      stream_server_port = "0"
      disable_apparmor = true
          restrict_oom_score_adj = true
      [plugins."io.containerd.grpc.v1.cri".cni]
        bin_dir = "/usr/lib/cni"
        conf_dir = "%1$s/cni"
      [plugins."io.containerd.grpc.v1.cri".containerd]
        default_runtime_name = "runc"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"
          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            SystemdCgroup = false
            Root = "%1$s/runc"
    """
        .formatted(directory);
  }
}
