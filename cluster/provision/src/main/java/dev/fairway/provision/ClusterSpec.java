// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a local cluster is: its name, its machines and its address ranges.
///
/// The addresses are those of "Kubernetes the hard way": machines in 10.240.0.0/24, pods in
/// 10.200.0.0/16 with a /24 a node, Services in 10.32.0.0/16. In a dual-stack cluster machines are
/// also in fd00:10:240::/64, and pods in fd00:10:200::/48 with a /64 a node.
///
/// @param name 1 to 8 letters, digits or dashes; also the name of its directories and namespaces
/// @param workers how many workers, 1 to 20
/// @param backend how pods on different nodes reach one another
/// @param machineNetworks the ranges of the machines' own addresses, a /24 and perhaps a /64
/// @param podNetworks the range of all pods in each family, in the same order
/// @param serviceNetwork the range of Service addresses
/// @param storage where the API server keeps its objects
public record ClusterSpec(
    String name,
    int workers,
    Backend backend,
    List<Prefix> machineNetworks,
    List<Prefix> podNetworks,
    Prefix serviceNetwork,
    Storage storage) {
  public static final String CLUSTER_DOMAIN = "cluster.local";
  public static final int API_PORT = 6443;
  public static final int ETCD_PORT = 2379;
  public static final int ETCD_PEER_PORT = 2380;
  public static final int MOST_WORKERS = 20;
  private static final int FIRST_CONTROLLER = 10;
  private static final int FIRST_WORKER = 20;
  private static final int LONGEST_NAME = 8;

  /// How packets cross from node to node.
  public enum Backend {
    VXLAN,
    ROUTES,
    BGP,
    WIREGUARD;

    /// As the command line and the pod network's settings write it.
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// Where the API server keeps its objects.
  public enum Storage {
    /// In a file of its own.
    EMBEDDED,
    /// In an etcd beside it on the controller.
    ETCD;

    /// As the command line writes it.
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public ClusterSpec {
    requireName(name);
    if (workers < 1 || workers > MOST_WORKERS) {
      throw new ProvisionException(
          "--workers " + workers + ": a cluster has 1 to " + MOST_WORKERS + " workers");
    }
    machineNetworks = List.copyOf(machineNetworks);
    podNetworks = List.copyOf(podNetworks);
    if (machineNetworks.isEmpty() || !families(machineNetworks).equals(families(podNetworks))) {
      throw new ProvisionException(
          "machine networks "
              + machineNetworks
              + " and pod networks "
              + podNetworks
              + " must be of the same families");
    }
    for (Prefix network : machineNetworks) {
      int length = network.family() == IpFamily.IPV4 ? 24 : 64;
      if (network.length() != length) {
        throw new ProvisionException("machine network " + network + " is not a /" + length);
      }
    }
  }

  private static List<IpFamily> families(List<Prefix> networks) {
    return networks.stream().map(Prefix::family).toList();
  }

  /// The families that machines and pods have addresses of, the primary first.
  public List<IpFamily> ipFamilies() {
    return families(machineNetworks);
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

  public ClusterSpec withBackend(Backend other) {
    return new ClusterSpec(
        name, workers, other, machineNetworks, podNetworks, serviceNetwork, storage);
  }

  public ClusterSpec withStorage(Storage other) {
    return new ClusterSpec(
        name, workers, backend, machineNetworks, podNetworks, serviceNetwork, other);
  }

  /// The primary range of the machines' addresses.
  public Prefix machineNetwork() {
    return machineNetworks.getFirst();
  }

  /// The host's own address on the cluster's bridge, and the machines' way out.
  public IpAddress gateway() {
    return machineNetwork().at(1);
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
        "controller-0", Machine.Role.CONTROLLER, machineAddresses(FIRST_CONTROLLER), 0);
  }

  public List<Machine> workerMachines() {
    List<Machine> machines = new ArrayList<>();
    for (int i = 0; i < workers; i++) {
      machines.add(
          new Machine("worker-" + i, Machine.Role.WORKER, machineAddresses(FIRST_WORKER + i), i));
    }
    return machines;
  }

  private List<IpAddress> machineAddresses(int number) {
    List<IpAddress> addresses = new ArrayList<>();
    for (Prefix network : machineNetworks) {
      // So that 10.240.0.20 is also fd00:10:240::20, to the eye.
      boolean six = network.family() == IpFamily.IPV6;
      addresses.add(network.at(six ? Integer.parseInt(String.valueOf(number), 16) : number));
    }
    return addresses;
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

  /// Where etcd is reached, if it is the storage.
  public String etcdUrl() {
    return "https://" + controller().address() + ":" + ETCD_PORT;
  }
}
