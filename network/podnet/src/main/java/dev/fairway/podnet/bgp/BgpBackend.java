// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.podnet.nodes.ClusterNode;
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

/// The backend as it comes and goes with the settings: a [BgpNetwork] while some node is to be
/// reached by it. One user at a time.
public final class BgpBackend implements AutoCloseable {
  private final NetworkNamespace machine;
  private final String underlay;
  private final Function<String, Optional<String>> passwords;
  private @Nullable BgpNetwork network;

  /// Nothing is started yet.
  ///
  /// @param underlay name of the link to other machines
  /// @param passwords the key `password` of a Secret in kube-system, by the Secret's name
  public BgpBackend(
      NetworkNamespace machine, String underlay, Function<String, Optional<String>> passwords) {
    this.machine = machine;
    this.underlay = underlay;
    this.passwords = passwords;
  }

  /// What is wanted from now on. Passwords are asked for each time, so a new one counts then.
  ///
  /// @param wanted whether the settings have this backend for any node
  /// @param others that are to be reached by it
  public void set(
      boolean wanted, ClusterNode me, List<ClusterNode> others, PodNetworkSettings settings)
      throws IOException {
    if (!wanted) {
      if (network != null) {
        network.leave();
        network = null;
      }
      return;
    }
    if (network == null) {
      network = BgpNetwork.start(machine);
    }
    Map<String, String> known = new HashMap<>();
    for (BgpSettings.Peer peer : settings.bgp().peers()) {
      peer.passwordSecret()
          .ifPresent(name -> passwords.apply(name).ifPresent(word -> known.put(name, word)));
    }
    network.set(me, others, settings, known, underlay);
  }

  /// Whether it carries packets: neighbours have told what they know.
  public boolean settled() {
    return network != null && network.settled();
  }

  /// The speaker and its routes, while it runs.
  public Optional<BgpNetwork> network() {
    return Optional.ofNullable(network);
  }

  /// Looks after the kernel, for what others changed in it.
  public void check() {
    if (network != null) {
      network.check();
    }
  }

  /// Neighbours that were left out, sessions that are not up, and routes that have no way.
  public List<String> problems() {
    if (network == null) {
      return List.of();
    }
    List<String> all = new ArrayList<>(network.problems());
    network.peers().stream()
        .filter(peer -> !peer.established())
        .forEach(peer ->
            all.add(
                "BGP peer "
                    + peer.address()
                    + " is "
                    + peer.state()
                    + peer.whyDown().map(why -> ": " + why).orElse("")));
    return all;
  }

  /// Ends for a restart; routes and neighbours' trust stay.
  @Override
  public void close() {
    if (network != null) {
      network.close();
      network = null;
    }
  }
}
