// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;

/// What a local cluster is: its name, its machines and its address ranges.
///
/// The addresses are those of "Kubernetes the hard way": machines in 10.240.0.0/24, pods in
/// 10.200.0.0/16 with a /24 a node, Services in 10.32.0.0/16.
///
/// @param name 1 to 8 letters, digits or dashes; also the name of its directories and namespaces
/// @param workers how many workers, 1 to 20
/// @param backend how pods on different nodes reach one another
/// @param machineNetwork the range of the machines' own addresses, a /24
/// @param podNetwork the range of all pods
/// @param serviceNetwork the range of Service addresses
public record ClusterSpec(
    String name,
    int workers,
    Backend backend,
    Prefix machineNetwork,
    Prefix podNetwork,
    Prefix serviceNetwork) {
  public static final String CLUSTER_DOMAIN = "cluster.local";
  public static final int API_PORT = 6443;
  public static final int MOST_WORKERS = 20;
  private static final int FIRST_CONTROLLER = 10;
  private static final int FIRST_WORKER = 20;
  private static final int LONGEST_NAME = 8;

  /// How packets cross from node to node.
  public enum Backend {
    VXLAN,
    ROUTES
  }

  public ClusterSpec {
    requireName(name);
    if (workers < 1 || workers > MOST_WORKERS) {
      throw new ProvisionException(
          "--workers " + workers + ": a cluster has 1 to " + MOST_WORKERS + " workers");
    }
    if (machineNetwork.length() != 24) {
      throw new ProvisionException("machine network " + machineNetwork + " is not a /24");
    }
  }

  /// Refuses what cannot name a cluster. Directories, namespaces and links are named by it, and
  /// `down` removes them, so no other text must ever get that far.
  static void requireName(String name) {
    if (!isName(name)) {
      throw new ProvisionException(
          "--name "
              + name
              + ": a cluster's name is 1 to "
              + LONGEST_NAME
              + " lower-case letters, digits or dashes, and starts with a letter");
    }
  }

  static boolean isName(String name) {
    if (name.isEmpty() || name.length() > LONGEST_NAME || !isLetter(name.charAt(0))) {
      return false;
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (!isLetter(c) && !(c >= '0' && c <= '9') && c != '-') {
        return false;
      }
    }
    return name.charAt(name.length() - 1) != '-';
  }

  private static boolean isLetter(char c) {
    return c >= 'a' && c <= 'z';
  }

  /// The host's own address on the cluster's bridge, and the machines' way out.
  public IpAddress gateway() {
    return machineNetwork.at(1);
  }

  /// The address of the `kubernetes` Service.
  public IpAddress apiServiceAddress() {
    return serviceNetwork.at(1);
  }

  /// The address of the cluster's name server.
  public IpAddress dnsAddress() {
    return serviceNetwork.at(10);
  }

  public Machine controller() {
    return new Machine(
        "controller-0", Machine.Role.CONTROLLER, machineNetwork.at(FIRST_CONTROLLER), 0);
  }

  public List<Machine> workerMachines() {
    List<Machine> machines = new ArrayList<>();
    for (int i = 0; i < workers; i++) {
      machines.add(
          new Machine("worker-" + i, Machine.Role.WORKER, machineNetwork.at(FIRST_WORKER + i), i));
    }
    return machines;
  }

  public List<Machine> machines() {
    List<Machine> machines = new ArrayList<>();
    machines.add(controller());
    machines.addAll(workerMachines());
    return machines;
  }

  /// Where the API server is reached from the host and from every machine.
  public String apiUrl() {
    return "https://" + controller().address() + ":" + API_PORT;
  }
}
