// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.linux.Cgroups;
import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.RouteRequest.AddBridge;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.DeleteLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The wires between machines: a bridge in the host's namespace, and for each machine a network
/// namespace with an `eth0` on that bridge and a default route to the host.
final class MachineNetwork {
  private static final Prefix EVERYWHERE = new Prefix(IpAddress.ofIpv4(0), 0);
  private static final String UPLINK = "eth0";

  private final ClusterSpec spec;
  private final ClusterPaths paths;

  MachineNetwork(ClusterSpec spec, ClusterPaths paths) {
    this.spec = spec;
    this.paths = paths;
  }

  /// Makes whatever of it is missing.
  void ensure() {
    refuseForeignAddresses();
    try (RouteNetlink host = RouteNetlink.open()) {
      int bridge = ensureBridge(host);
      for (Machine machine : spec.machines()) {
        ensureMachine(host, bridge, machine);
      }
    }
    WayOut.open(spec, paths);
  }

  /// The machine network must not hide one the host already reaches by another link.
  private void refuseForeignAddresses() {
    try (RouteNetlink host = RouteNetlink.open()) {
      int bridge = host.link(paths.bridge()).map(Link::index).orElse(0);
      for (Route route : host.routes()) {
        boolean ours = bridge != 0 && route.link() == bridge;
        boolean isDefault = route.destination().length() == 0;
        boolean overlaps = spec.machineNetworks().stream().anyMatch(route.destination()::overlaps);
        if (!ours && !isDefault && overlaps) {
          throw new ProvisionException(
              "the machines' network "
                  + spec.machineNetworks()
                  + " overlaps this host's route to "
                  + route.destination()
                  + "; remove that route, or bring down whatever made it");
        }
      }
    }
  }

  private int ensureBridge(RouteNetlink host) {
    Optional<Link> there = host.link(paths.bridge());
    if (there.isEmpty()) {
      host.apply(
          new AddBridge(
              // Without one of its own, the bridge's address would follow its ports.
              LinkSpec.named(paths.bridge()).withMac(MacAddress.ofIpv4(spec.gateway())).withUp()));
      there = host.link(paths.bridge());
    }
    int index = there.orElseThrow().index();
    List<RouteRequest> requests = new ArrayList<>();
    requests.add(ChangeLink.of(index).setUp());
    for (Prefix network : spec.machineNetworks()) {
      if (network.family() == IpFamily.IPV6) {
        allowIpv6();
      }
      requests.add(new PutAddress(LinkAddress.of(index, network.at(1), network.length())));
    }
    host.apply(requests);
    return index;
  }

  private void ensureMachine(RouteNetlink host, int bridge, Machine machine) {
    try (NetworkNamespace namespace = ensureNamespace(machine);
        RouteNetlink inside = RouteNetlink.open(namespace)) {
      if (inside.link(UPLINK).isEmpty() || host.link(hostEnd(machine)).isEmpty()) {
        inside.apply(DeleteLink.of(UPLINK));
        host.apply(
            DeleteLink.of(hostEnd(machine)),
            new AddVeth(
                LinkSpec.named(hostEnd(machine)).withMaster(bridge).withUp(),
                LinkSpec.named(UPLINK)
                    .withMac(MacAddress.ofIpv4(machine.address()))
                    .in(namespace)));
      } else {
        // The bridge may be a new one.
        host.apply(ChangeLink.of(hostEnd(machine)).withMaster(bridge).setUp());
      }
      int uplink = inside.link(UPLINK).orElseThrow().index();
      List<RouteRequest> requests = new ArrayList<>();
      requests.add(ChangeLink.of("lo").setUp());
      requests.add(ChangeLink.of(uplink).setUp());
      for (IpAddress address : machine.addresses()) {
        requests.add(new PutAddress(LinkAddress.of(uplink, address, lengthOf(address))));
      }
      // IPv6 has no way out: the host would have to forward it, and then no longer configure itself
      // from its own routers' advertisements.
      requests.add(new PutRoute(Route.to(EVERYWHERE).via(spec.gateway()).on(uplink)));
      inside.apply(requests);
    }
  }

  private int lengthOf(IpAddress address) {
    return spec.machineNetworks().stream()
        .filter(network -> network.contains(address))
        .findFirst()
        .orElseThrow()
        .length();
  }

  /// A host may have switched IPv6 off for all of its links; the bridge is ours.
  private void allowIpv6() {
    try {
      Sysctls.write("net/ipv6/conf/" + paths.bridge() + "/disable_ipv6", "0");
    } catch (KernelException e) {
      throw new ProvisionException(
          "this host's kernel has no IPv6 (" + e.getMessage() + "); use --ip-families ipv4", e);
    }
  }

  private NetworkNamespace ensureNamespace(Machine machine) {
    Path file = paths.networkNamespace(machine);
    if (Files.exists(file)) {
      try {
        return NetworkNamespace.open(file);
      } catch (KernelException e) {
        if (e.errno() != Errno.EINVAL) {
          throw e;
        }
        NetworkNamespace.delete(file); // a file that was a namespace once
      }
    }
    return inhabited(machine).orElseGet(() -> NetworkNamespace.create(file));
  }

  /// `ip netns delete` takes only the name off a namespace: it lives on with the processes in it.
  /// So while any runs, the machine's namespace is not lost, and gets its name back.
  private Optional<NetworkNamespace> inhabited(Machine machine) {
    try (NetworkNamespace host = NetworkNamespace.current()) {
      for (long pid : Cgroups.find().pids(paths.systemCgroup(machine))) {
        Optional<NetworkNamespace> found = namespaceOf(pid, host);
        if (found.isPresent()) {
          found.get().bindTo(paths.networkNamespace(machine));
          return found;
        }
      }
    }
    return Optional.empty();
  }

  private static Optional<NetworkNamespace> namespaceOf(long pid, NetworkNamespace host) {
    try {
      NetworkNamespace namespace = NetworkNamespace.ofPid(pid);
      if (!namespace.equals(host)) {
        return Optional.of(namespace);
      }
      namespace.close();
      return Optional.empty();
    } catch (KernelException e) {
      return Optional.empty(); // it has ended
    }
  }

  private String hostEnd(Machine machine) {
    String role = machine.role() == Machine.Role.CONTROLLER ? "c" : "w";
    return "fw" + spec.name() + "-" + role + machine.index();
  }

  /// Takes the bridge away; links of machines go with their namespaces.
  static void removeBridge(ClusterPaths paths) {
    try (RouteNetlink host = RouteNetlink.open()) {
      host.apply(DeleteLink.of(paths.bridge()));
    }
  }
}
