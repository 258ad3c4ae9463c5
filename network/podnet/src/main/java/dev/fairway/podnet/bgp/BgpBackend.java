// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import dev.fairway.bgp.PeerStatus;
import dev.fairway.bgp.bfd.BfdStatus;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.BgpSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The backend as it comes and goes with the settings: it speaks while they have `bgp` for any pair
/// of nodes, and leaves no trace once they have not.
///
/// Unlike other backends it learns by and by how nodes are reached, so a change to it takes two
/// steps: keep what reaches a node until [#reaches] says that this does, too. Away from it: first
/// put in place what shall reach the nodes from now on, then [#set].
///
/// Any thread may call; a [#set] waits for the one before it.
public final class BgpBackend implements AutoCloseable {
  private final NetworkNamespace machine;
  private final String underlay;
  private final Function<String, Optional<String>> passwords;
  private final Runnable changed;
  private volatile @Nullable BgpNetwork network;

  /// Whether what an agent before this one left behind was seen to.
  private boolean spoke;

  /// Nothing is started yet.
  ///
  /// @param machine the namespace it works in; the handle stays the caller's and must stay open
  /// @param underlay name of the link to other machines; its addresses are spoken from
  /// @param passwords the key `password` of a Secret in kube-system, by the Secret's name; asked
  ///   during [#set]
  /// @param changed called each time that other nodes are reached than before. On a thread that
  ///   [#close] waits for: it must hand over and return
  public BgpBackend(
      NetworkNamespace machine,
      String underlay,
      Function<String, Optional<String>> passwords,
      Runnable changed) {
    this.machine = machine;
    this.underlay = underlay;
    this.passwords = passwords;
    this.changed = changed;
  }

  /// What is wanted from now on, all of it each time. Sessions that stay as they were go on.
  /// Returns when the speaker works so, not when neighbours have answered. Call it again when the
  /// underlay's addresses or a password may be others.
  ///
  /// @param me this node; all its ranges are told, single addresses included
  /// @param others that are to be reached by this backend
  /// @throws IOException if a part cannot be had, such as a port that another program has; the rest
  ///   is in effect, and the next call tries again
  public synchronized void set(
      PodNetworkSettings settings, ClusterNode me, List<ClusterNode> others) throws IOException {
    BgpNetwork current = network;
    if (!settings.backends().contains(BackendKind.BGP)) {
      network = null;
      boolean sweep = !spoke;
      spoke = false; // until all is away
      if (current != null) {
        current.leave();
      } else if (sweep) {
        BgpNetwork.sweep(machine);
      }
      spoke = true;
      return;
    }
    spoke = true;
    if (current == null) {
      current = BgpNetwork.start(machine, changed);
      network = current;
    }
    Map<String, String> known = new HashMap<>();
    for (BgpSettings.Peer peer : settings.bgp().peers()) {
      peer.passwordSecret()
          .ifPresent(name -> passwords.apply(name).ifPresent(word -> known.put(name, word)));
    }
    current.set(me, others, settings, known, underlay);
  }

  /// Whether the kernel has a way to all pods of a node by this backend. An agent that has just
  /// started knows what the one before it left.
  public boolean reaches(ClusterNode node) {
    BgpNetwork current = network;
    return current != null && current.reaches(node.ranges());
  }

  /// Neighbours as they are now; none if not wanted.
  public List<PeerStatus> peers() {
    BgpNetwork current = network;
    return current == null ? List.of() : current.peers();
  }

  /// Neighbours that are watched by BFD, as they are now.
  public List<BfdStatus> watchedPeers() {
    BgpNetwork current = network;
    return current == null ? List.of() : current.watchedPeers();
  }

  /// Looks after the kernel, for what others changed in it; to be called every few seconds.
  public void check() {
    BgpNetwork current = network;
    if (current != null) {
      current.check();
    }
  }

  /// Neighbours that were left out, sessions that are not up, and routes that have no way, a line
  /// each.
  public List<String> problems() {
    BgpNetwork current = network;
    if (current == null) {
      return List.of();
    }
    List<String> all = new ArrayList<>(current.problems());
    for (PeerStatus peer : current.peers()) {
      if (!peer.established()) {
        String why = peer.whyDown().map(text -> ": " + text).orElse("");
        all.add("BGP peer " + peer.address() + " is " + peer.state() + why);
      }
    }
    return all;
  }

  /// Ends for a restart of the agent: routes and neighbours' trust stay.
  @Override
  public synchronized void close() {
    BgpNetwork current = network;
    network = null;
    if (current != null) {
      current.close();
    }
  }
}
