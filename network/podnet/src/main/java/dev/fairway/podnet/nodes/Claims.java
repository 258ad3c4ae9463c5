// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What each node says is its own: ranges, addresses, Ethernet addresses of VXLAN devices,
/// WireGuard keys. A node writes most of that itself, so it could say what another has said before
/// it, to get that one's packets or to have it cut off. So who had something at the last look keeps
/// it, and this machine its own in any case; of two new ones, the first has it. Only an address
/// goes over to who has it in its status, from who only announced it.
///
/// A node without its device's address or key is sent nothing by that device, so nobody else gets
/// what is meant for it. Without its address or its range it is left out. Not for several threads
/// at a time.
final class Claims {
  private Map<Object, String> held = Map.of();

  /// @param sorted without this node; those that announce what their status does not have, last
  /// @param problems whatever two nodes say, each naming the one that does not get it
  List<ClusterNode> settle(
      @Nullable ClusterNode me, List<KnownNodes.Known> sorted, List<String> problems) {
    Round round = new Round(me);
    sorted.forEach(round::reserve);
    sorted.forEach(each -> round.reserveAddresses(each, false));
    boolean doubtful = false;
    for (KnownNodes.Known each : sorted) {
      if (each.saysOtherAddress() && !doubtful) {
        doubtful = true; // those whose address is not in doubt have theirs
        sorted.forEach(other -> round.reserveAddresses(other, true));
      }
      round.take(each, problems);
    }
    held = round.holders;
    return round.kept;
  }

  /// One look at all nodes.
  private final class Round {
    private final Map<Object, String> holders = new HashMap<>();
    private final ClaimedRanges ranges = new ClaimedRanges();
    private final List<ClusterNode> kept = new ArrayList<>();

    Round(@Nullable ClusterNode me) {
      if (me != null) {
        ranges.claim(me.name(), me.ranges());
        me.addresses().forEach(address -> holders.put(address, me.name()));
        macs(me).forEach(mac -> holders.put(mac, me.name()));
        me.wireGuard().ifPresent(key -> holders.put(key, me.name()));
      }
    }

    private boolean had(ClusterNode node, Object what) {
      return node.name().equals(held.get(what));
    }

    void reserve(KnownNodes.Known known) {
      ClusterNode node = known.node();
      if (node == null) {
        return;
      }
      node.wireGuard().filter(key -> had(node, key)).ifPresent(key -> hold(key, node));
      macs(node).stream().filter(mac -> had(node, mac)).forEach(mac -> hold(mac, node));
      ranges.claim(node.name(), node.ranges().stream().filter(range -> had(node, range)).toList());
    }

    void reserveAddresses(KnownNodes.Known known, boolean doubtful) {
      ClusterNode node = known.node();
      if (node != null && known.saysOtherAddress() == doubtful) {
        node.addresses().stream()
            .filter(address -> had(node, address))
            .forEach(address -> hold(address, node));
      }
    }

    private void hold(Object what, ClusterNode node) {
      holders.putIfAbsent(what, node.name());
    }

    /// Who has it, if another.
    private @Nullable String other(Object what, ClusterNode node) {
      String holder = holders.get(what);
      return holder == null || holder.equals(node.name()) ? null : holder;
    }

    void take(KnownNodes.Known known, List<String> problems) {
      ClusterNode node = known.node();
      if (node == null) {
        return;
      }
      Optional<String> clash = ranges.otherHolderOfAny(node.ranges(), node.name());
      if (clash.isPresent()) {
        problems.add(
            "node " + node.name() + ": spec.podCIDRs overlaps that of node " + clash.get());
        return;
      }
      for (IpAddress address : node.addresses()) {
        String holder = other(address, node);
        if (holder != null) {
          problems.add(
              "node " + node.name() + ": its address " + address + " is that of node " + holder);
          return;
        }
      }
      ranges.claim(node.name(), node.ranges());
      node.ranges().forEach(range -> hold(range, node));
      node.addresses().forEach(address -> hold(address, node));
      kept.add(
          new ClusterNode(
              node.name(),
              node.addresses(),
              node.ranges(),
              tunnel(node, problems),
              node.sendsBy(),
              wireGuard(node, problems)));
    }

    private Optional<ClusterNode.Tunnel> tunnel(ClusterNode node, List<String> problems) {
      for (MacAddress mac : macs(node)) {
        String holder = other(mac, node);
        if (holder != null) {
          problems.add(
              "node "
                  + node.name()
                  + ": its VXLAN device has the address "
                  + mac
                  + " of that of node "
                  + holder);
          return Optional.empty();
        }
      }
      macs(node).forEach(mac -> hold(mac, node));
      return node.tunnel();
    }

    private Optional<WireGuardKey> wireGuard(ClusterNode node, List<String> problems) {
      if (node.wireGuard().isEmpty()) {
        return Optional.empty();
      }
      WireGuardKey key = node.wireGuard().get();
      String holder = other(key, node);
      if (holder != null) {
        problems.add("node " + node.name() + ": its WireGuard key is that of node " + holder);
        return Optional.empty();
      }
      hold(key, node);
      return node.wireGuard();
    }
  }

  private static List<MacAddress> macs(ClusterNode node) {
    List<MacAddress> macs = new ArrayList<>();
    node.tunnel()
        .ifPresent(tunnel -> {
          macs.add(tunnel.mac());
          tunnel.other().ifPresent(macs::add);
        });
    return macs;
  }
}
