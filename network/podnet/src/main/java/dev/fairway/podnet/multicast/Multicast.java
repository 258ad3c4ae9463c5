// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.multicast;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.attach.PodLink;
import dev.fairway.podnet.attach.PodWatcher;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.nodes.ClusterNode;
import io.fabric8.kubernetes.api.model.Node;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Carries multicast between pods while it is on. Safe for use by many threads.
public final class Multicast implements PodWatcher, AutoCloseable {
  /// UDP, between nodes. Of nobody in IANA's list, next to that of flannel's VXLAN.
  public static final int PORT = 8473;

  private final NetworkNamespace machine;
  private final RouteNetlink netlink;
  private final Runnable changed;
  private @Nullable Relay relay; // guarded by this

  /// @param machine the namespace of the pods' links
  /// @param changed told when other nodes have to be told other groups; must return at once
  public Multicast(NetworkNamespace machine, Runnable changed) {
    this.machine = machine;
    this.changed = changed;
    netlink = RouteNetlink.open(machine);
  }

  /// Switches it on or off.
  ///
  /// @throws dev.fairway.linux.KernelException if the kernel refuses; it is off then
  public synchronized void set(boolean on) {
    if (on && relay == null) {
      relay = Relay.start(machine, links(), changed);
    } else if (!on && relay != null) {
      relay.close();
      relay = null;
    }
  }

  /// The nodes from now on.
  ///
  /// @param objects what they tell, of whichever of the others
  public synchronized void nodes(
      ClusterNode me, List<ClusterNode> others, Collection<Node> objects) {
    if (relay == null) {
      return;
    }
    Map<String, Set<IpAddress>> told = new HashMap<>();
    for (Node node : objects) {
      Set<IpAddress> groups = GroupAnnotation.read(node);
      if (!groups.isEmpty()) {
        told.put(node.getMetadata().getName(), groups);
      }
    }
    List<Relay.Peer> peers = new ArrayList<>();
    for (ClusterNode other : others) {
      peers.add(new Relay.Peer(other, told.getOrDefault(other.name(), Set.of())));
    }
    relay.nodes(me, peers);
  }

  /// What this node's object has to say, if it does not yet.
  ///
  /// @param mine its annotations
  public synchronized Map<String, String> announcement(Map<String, String> mine) {
    String groups = relay == null ? "" : GroupAnnotation.of(relay.groups());
    return groups.equals(mine.getOrDefault(GroupAnnotation.NAME, ""))
        ? Map.of()
        : Map.of(GroupAnnotation.NAME, groups);
  }

  /// How many copies reached pods or left for other nodes, and how many packets were dropped as
  /// there were too many; empty while it is off.
  public synchronized Map<String, Long> packets() {
    return relay == null ? Map.of() : relay.packets();
  }

  @Override
  public synchronized void connected(Wire wire, int link) {
    if (relay != null) {
      relay.connected(new PodLink(link, wire.hostName(), wire.mac(), wire.addresses(), false, ""));
    }
  }

  @Override
  public synchronized void disconnecting(List<IpAddress> addresses) {
    if (relay != null) {
      relay.disconnecting(addresses);
    }
  }

  /// Looks at the kernel for pods that were not told of.
  public synchronized void resync() {
    if (relay != null) {
      relay.links(links());
    }
  }

  private List<PodLink> links() {
    return PodLink.read(netlink);
  }

  @Override
  public synchronized void close() {
    Optional.ofNullable(relay).ifPresent(Relay::close);
    relay = null;
    netlink.close();
  }
}
