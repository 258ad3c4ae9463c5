// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.bgp.PeerStatus;
import dev.fairway.bgp.PeerStatus.FamilyCounters;
import dev.fairway.bgp.bfd.BfdStatus;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.nodes.ClusterNodes;
import dev.fairway.podnet.status.NodeStatus.Peer;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// BGP's neighbours as people want to see them. Pure.
public final class Peers {
  private Peers() {}

  /// Each neighbour, in the order given.
  ///
  /// @param watched those that BFD watches, too
  public static List<Peer> of(
      Collection<PeerStatus> told, Collection<BfdStatus> watched, ClusterNodes nodes) {
    Map<IpAddress, String> names = new HashMap<>();
    nodes.others().forEach(node -> node.addresses().forEach(a -> names.put(a, node.name())));
    Map<IpAddress, String> bfd = new HashMap<>();
    watched.forEach(w -> bfd.put(w.peer(), w.state().name().toLowerCase(Locale.ROOT)));
    List<Peer> peers = new ArrayList<>();
    for (PeerStatus each : told) {
      long received = 0;
      long sent = 0;
      for (FamilyCounters family : each.families().values()) {
        received += family.accepted();
        sent += family.advertised();
      }
      String why = each.whyDown().orElse("no connection yet, and no word why");
      peers.add(
          new Peer(
              each.address().toString(),
              names.getOrDefault(each.address(), ""),
              each.remoteAs(),
              each.state().toString(),
              each.since().truncatedTo(ChronoUnit.SECONDS).toString(),
              received,
              sent,
              bfd.getOrDefault(each.address(), ""),
              each.established() ? "" : why));
    }
    return peers;
  }
}
