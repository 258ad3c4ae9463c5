// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.net.IpAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// Machines as network namespaces on a bridge that is in a namespace of its own, so nothing of it
/// is seen outside, and pods as bound namespaces.
final class TestMachines implements AutoCloseable {
  private static final int LO = 1;
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final String unique = ProcessHandle.current().pid() + "-" + NUMBER.getAndIncrement();
  private final NetworkNamespace fabric = NetworkNamespace.createAnonymous();
  private final Map<String, NetworkNamespace> machines = new HashMap<>();
  private final List<Path> pods = new ArrayList<>();
  private final int mtu;

  TestMachines(int mtu) {
    this.mtu = mtu;
    try (RouteNetlink netlink = RouteNetlink.open(fabric)) {
      netlink.apply(
          new RouteRequest.AddBridge(LinkSpec.named("br0").withIndex(100).withMtu(mtu).withUp()));
    }
  }

  /// A machine with `eth0` in 10.240.0.0/24. The handle is the caller's.
  NetworkNamespace machine(String name, String address) {
    NetworkNamespace machine = NetworkNamespace.createAnonymous();
    machines.put(name, machine);
    int port = 100 + machines.size();
    try (RouteNetlink inside = RouteNetlink.open(machine);
        RouteNetlink outside = RouteNetlink.open(fabric)) {
      inside.apply(
          RouteRequest.ChangeLink.of(LO).setUp(),
          new RouteRequest.AddVeth(
              LinkSpec.named("eth0").withIndex(10).withMtu(mtu).withUp(),
              LinkSpec.named("port" + port).withIndex(port).withMtu(mtu).in(fabric)),
          new RouteRequest.PutAddress(LinkAddress.of(10, IpAddress.parse(address), 24)));
      outside.apply(RouteRequest.ChangeLink.of(port).withMaster(100).setUp());
    }
    return machine;
  }

  /// The path of a sandbox without anything in it.
  Path sandbox(String name) {
    Path path = Path.of("/run/netns/fwtest-" + unique + "-" + name);
    NetworkNamespace.create(path).close();
    pods.add(path);
    return path;
  }

  void removeSandbox(Path path) {
    NetworkNamespace.delete(path);
    pods.remove(path);
  }

  @Override
  public void close() {
    pods.forEach(NetworkNamespace::delete);
    machines.values().forEach(NetworkNamespace::close);
    fabric.close();
  }
}
