// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.List;
import java.util.Optional;

/// What an ADD tells the runtime, with all that any version of the specification can say (section 5
/// of 1.1.0). [ResultWriter] and [ResultReader] know how each version says it.
///
/// @param interfaces of the machine and of the sandbox
/// @param addresses of the pod
/// @param routes that the pod was given
/// @param dns how the pod should resolve names
public record CniResult(
    List<Interface> interfaces, List<Address> addresses, List<Route> routes, Dns dns) {
  public CniResult {
    interfaces = List.copyOf(interfaces);
    addresses = List.copyOf(addresses);
    routes = List.copyOf(routes);
  }

  /// A link. Text that is not known is empty, a number that is not known 0.
  ///
  /// @param mac as the plugin that made it wrote it
  /// @param mtu bytes; since 1.1.0
  /// @param sandbox the path of its network namespace; empty for a link of the machine
  /// @param socketPath since 1.1.0
  /// @param pciId since 1.1.0
  public record Interface(
      String name, String mac, int mtu, String sandbox, String socketPath, String pciId) {
    /// A link of the machine.
    public static Interface ofMachine(String name, String mac, int mtu) {
      return new Interface(name, mac, mtu, "", "", "");
    }

    /// A link of a sandbox.
    public static Interface ofSandbox(String name, String mac, int mtu, String sandbox) {
      return new Interface(name, mac, mtu, sandbox, "", "");
    }
  }

  /// An address of the pod.
  ///
  /// @param length of its network's prefix
  /// @param gateway the next hop of that network, if it has one
  /// @param link its place in the list of interfaces, from 0
  public record Address(
      IpAddress address, int length, Optional<IpAddress> gateway, Optional<Integer> link) {
    public Address {
      if (length < 0 || length > address.family().addressBits()) {
        throw new IllegalArgumentException("/" + length + " is no prefix length of " + address);
      }
    }

    @Override
    public String toString() {
      return address + "/" + length;
    }
  }

  /// A route of the pod. Numbers that are not known are 0.
  ///
  /// @param mtu bytes; this and the rest since 1.1.0
  /// @param advmss bytes
  /// @param priority the metric
  public record Route(
      Prefix destination,
      Optional<IpAddress> gateway,
      int mtu,
      int advmss,
      int priority,
      Optional<Integer> table,
      Optional<Integer> scope) {
    public static Route of(Prefix destination, IpAddress gateway) {
      return new Route(
          destination, Optional.of(gateway), 0, 0, 0, Optional.empty(), Optional.empty());
    }

    public boolean isDefault(IpFamily family) {
      return destination.length() == 0 && destination.family() == family;
    }
  }

  /// How names are resolved. The kubelet does not look at it; other runtimes do.
  public record Dns(
      List<String> nameservers, String domain, List<String> search, List<String> options) {
    public static final Dns NONE = new Dns(List.of(), "", List.of(), List.of());

    public Dns {
      nameservers = List.copyOf(nameservers);
      search = List.copyOf(search);
      options = List.copyOf(options);
    }
  }
}
