// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.podnet.forwarding.ForwardingPlan;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.forwarding.KernelForwarding;
import dev.fairway.podnet.nodes.Underlay;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One machine's place between the machines, and its kernel's way to the pods of the others. Not
/// for several threads at a time.
final class NodeForwarding implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodeForwarding.class);

  private final RouteNetlink netlink;
  private final String link;
  private final IpAddress address;

  /// @param link name of the device to the other machines
  /// @param address of this machine there
  NodeForwarding(NetworkNamespace machine, String link, IpAddress address) {
    this.netlink = RouteNetlink.open(machine);
    this.link = link;
    this.address = address;
  }

  /// The network between the machines; empty if the device is not there.
  Optional<Underlay> findUnderlay() {
    Optional<Link> device = netlink.link(link);
    if (device.isEmpty()) {
      return Optional.empty();
    }
    int index = device.get().index();
    List<LinkAddress> addresses =
        netlink.addresses().stream().filter(each -> each.link() == index).toList();
    return Optional.of(new Underlay(index, device.get().mtu(), address, addresses));
  }

  Underlay underlay() {
    return findUnderlay()
        .orElseThrow(() ->
            new IllegalStateException("this machine has no link " + link + " to other machines"));
  }

  /// Where this machine is reached, in both families, first as it was told.
  static List<IpAddress> addresses(Underlay underlay) {
    List<IpAddress> mine = new ArrayList<>();
    mine.add(underlay.address());
    for (IpFamily family : IpFamily.values()) {
      underlay.address(family).filter(own -> !mine.contains(own)).ifPresent(mine::add);
    }
    return mine;
  }

  ForwardingState read(Underlay underlay) {
    return new KernelForwarding(netlink, underlay.link()).read();
  }

  List<ForwardingStep> plan(ForwardingState desired, Underlay underlay) {
    return ForwardingPlan.between(read(underlay), desired);
  }

  /// @return what the kernel refused, the rest being done: one bad node must not keep pods from
  ///   reaching the others
  /// @throws KernelException if the tunnel that is wanted cannot be made
  Optional<KernelException> apply(ForwardingState desired, Underlay underlay) {
    List<ForwardingStep> steps = plan(desired, underlay);
    Optional<KernelException> refused = Optional.empty();
    if (!steps.isEmpty()) {
      LOG.debug("Pod network: {}", steps);
      try {
        new KernelForwarding(netlink, underlay.link()).apply(steps);
      } catch (KernelException e) {
        refused = Optional.of(e);
      }
    }
    if (desired.tunnel().isPresent() && netlink.link(ForwardingState.TUNNEL_NAME).isEmpty()) {
      throw refused.isPresent()
          ? refused.get()
          : new IllegalStateException("the tunnel went away again");
    }
    return refused;
  }

  List<Link> links() {
    return netlink.links();
  }

  List<Route> routes() {
    return netlink.routes();
  }

  @Override
  public void close() {
    netlink.close();
  }
}
