// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.nio.file.Path;
import java.util.regex.Pattern;

/// Where a cluster keeps what.
///
/// @param state survives a reboot: certificates, the store, images
/// @param run is gone after a reboot: sockets, process ids
/// @param cluster the cluster's name
public record ClusterPaths(Path state, Path run, String cluster) {
  private static final Pattern MACHINE = Pattern.compile("(controller|worker)-[0-9]+");

  public ClusterPaths {
    ClusterSpec.requireName(cluster);
  }

  /// The usual places: `/var/lib/fairway/NAME` and `/run/fairway/NAME`.
  public static ClusterPaths of(String cluster) {
    return new ClusterPaths(
        Path.of("/var/lib/fairway", cluster), Path.of("/run/fairway", cluster), cluster);
  }

  public Path specFile() {
    return state.resolve("cluster.properties");
  }

  public Path pki() {
    return state.resolve("pki");
  }

  public Path adminKubeconfig() {
    return state.resolve("admin.kubeconfig");
  }

  public Path images() {
    return state.resolve("images");
  }

  public Path machineState(Machine machine) {
    return state.resolve(machine.name());
  }

  public Path machineRun(Machine machine) {
    return run.resolve(machine.name());
  }

  public Path logFile(Machine machine, String process) {
    return machineState(machine).resolve("log").resolve(process + ".log");
  }

  public Path kubeconfig(Machine machine, String user) {
    return machineState(machine).resolve(user + ".kubeconfig");
  }

  public Path containerdSocket(Machine machine) {
    return machineRun(machine).resolve("containerd.sock");
  }

  public Path cniBinaries(Machine machine) {
    return machineState(machine).resolve("cni/bin");
  }

  public Path cniConfigurations(Machine machine) {
    return machineState(machine).resolve("cni/net.d");
  }

  /// The machine's network namespace, where `ip netns` finds it.
  public Path networkNamespace(Machine machine) {
    return Path.of("/run/netns", namespacePrefix() + machine.name());
  }

  private String namespacePrefix() {
    return "fairway-" + cluster + "-";
  }

  /// Whether a name in `/run/netns` is that of a machine of this cluster, and not of `lab-2` where
  /// this one is `lab`.
  boolean isNamespaceOfThisCluster(String name) {
    String prefix = namespacePrefix();
    return name.startsWith(prefix) && MACHINE.matcher(name.substring(prefix.length())).matches();
  }

  /// The bridge in the host's namespace that joins the machines.
  public String bridge() {
    return "fw-" + cluster;
  }

  /// The control group, relative to the root of each hierarchy, of all of the cluster's processes.
  public String cgroup() {
    return "fairway-" + cluster;
  }

  /// The control group of one machine: its pods each in a group of their own, and `system`.
  public String cgroup(Machine machine) {
    return cgroup() + "/" + machine.name();
  }

  /// The control group of what runs a machine's pods: the node's agent, containerd, its shims.
  String systemCgroup(Machine machine) {
    return cgroup(machine) + "/system";
  }

  /// Held by the one `up` or `down` that is at work.
  Path lockFile() {
    return run.resolve("lock");
  }
}
