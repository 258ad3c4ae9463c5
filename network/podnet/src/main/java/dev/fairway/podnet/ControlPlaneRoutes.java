// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingPlan;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.forwarding.KernelForwarding;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.ClusterNodes;
import dev.fairway.podnet.nodes.KnownNodes;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.pools.BlockFollower;
import dev.fairway.podnet.pools.BlockRanges;
import dev.fairway.podnet.routes.RoutesBackend;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The ways to the pods for a machine of the control plane, which is no node itself: plain routes
/// by the nodes, whatever backend these use among themselves. The API server needs them for the
/// `proxy` of pods and Services and for webhooks.
///
/// Both the ranges in `spec.podCIDRs` and the blocks out of pools. Limits: nodes on one Ethernet
/// with it.
public final class ControlPlaneRoutes implements Subscriber, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ControlPlaneRoutes.class);

  private final RouteNetlink netlink;
  private final Config config;
  private final KnownNodes known = new KnownNodes();
  private final RoutesBackend routes = new RoutesBackend();
  private final BlockFollower blocks;
  private @Nullable Collection<Node> objects;
  private List<String> told = List.of();
  private boolean closed;

  /// What the machine is told.
  ///
  /// @param link name of the device to the nodes
  /// @param addresses of the machine there, at most one a family
  /// @param podRanges in which all nodes' ranges must be
  public record Config(String link, List<IpAddress> addresses, List<Prefix> podRanges) {
    public Config {
      addresses = List.copyOf(addresses);
      podRanges = List.copyOf(podRanges);
    }
  }

  /// Routes of one machine.
  ///
  /// @param client may list Nodes and AddressBlocks; stays the caller's
  public ControlPlaneRoutes(NetworkNamespace machine, KubernetesClient client, Config config) {
    this.netlink = RouteNetlink.open(machine);
    this.blocks = new BlockFollower(client, this::settle);
    this.config = config;
  }

  /// Follows the Nodes, and blocks of addresses where there are any.
  public void subscribe(ClusterFollower.Builder follower) {
    follower.follow(Node.class).subscribe("control plane routes", this);
    blocks.begin();
  }

  @Override
  public synchronized void changed(Delta delta, ClusterImage image) {
    if (delta.touches(Node.class)) {
      objects = image.all(Node.class);
      settle();
    }
  }

  /// Before both are known, what a former process made stays.
  private synchronized void settle() {
    BlockRanges ranges = blocks.ranges();
    if (objects == null || ranges == null || closed) {
      return;
    }
    Link device =
        netlink
            .link(config.link())
            .orElseThrow(() ->
                new IllegalStateException("there is no link " + config.link() + " to the nodes"));
    List<LinkAddress> addresses =
        netlink.addresses().stream().filter(each -> each.link() == device.index()).toList();
    Underlay underlay =
        new Underlay(device.index(), device.mtu(), config.addresses().getFirst(), addresses);
    ClusterNodes nodes =
        known.read(objects, "", config.addresses(), config.podRanges(), ranges::reachedAt);
    ClusterNode me =
        new ClusterNode("", config.addresses().getFirst(), List.of(), Optional.empty());
    tell(routes.unreachable(me, nodes.others(), underlay));
    KernelForwarding kernel = new KernelForwarding(netlink, underlay.link());
    List<ForwardingStep> steps =
        ForwardingPlan.between(kernel.read(), routes.desired(me, nodes.others(), underlay));
    if (!steps.isEmpty()) {
      kernel.apply(steps);
    }
  }

  private void tell(List<String> problems) {
    if (!problems.equals(told)) {
      told = problems;
      problems.forEach(problem -> LOG.warn("no way to the pods of {}", problem));
    }
  }

  /// Leaves the routes in place for the next one.
  @Override
  public void close() {
    blocks.close();
    synchronized (this) {
      closed = true;
      netlink.close();
    }
  }
}
