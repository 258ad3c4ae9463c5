// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.net.IpAddress;
import java.io.IOException;
import java.util.List;
import java.util.Objects;

/// A BGP-4 speaker: sessions with neighbours, the routes they tell, and the best of these.
///
/// Several may run in one process, each on its own transport.
public final class BgpSpeaker implements AutoCloseable {
  private BgpSpeaker() {}

  /// Starts a speaker that does nothing until [#set].
  public static BgpSpeaker start(BgpTransport transport, RoutesListener listener) {
    return new BgpSpeaker();
  }

  /// Makes the speaker what the settings say. Returns when they are in effect, not when sessions
  /// are up. Sessions whose settings did not change stay up; a change of policy asks the neighbour
  /// for its routes again instead of a new session where it can (RFC 2918).
  ///
  /// @throws IOException if it cannot listen where it should, or a peer's guard is not to be had;
  ///   all else is in effect then
  public void set(BgpSettings settings) throws IOException {
    Objects.requireNonNull(settings);
  }

  /// All neighbours, in the order of their addresses.
  public List<PeerStatus> peers() {
    return List.of();
  }

  /// The best routes that neighbours told, in no order. Costs a walk through the whole table.
  public List<BestRoute> routes() {
    return List.of();
  }

  /// Somebody who watches closer (BFD, RFC 5882) knows that the neighbour is dead: the session ends
  /// at once, without a graceful restart, and is tried again. Nothing happens if there is no such
  /// peer.
  ///
  /// @param why for people
  public void peerDown(IpAddress peer, String why) {
    Objects.requireNonNull(peer);
  }

  /// Ends the program's life but not the neighbours' trust: connections end without a NOTIFICATION,
  /// so that neighbours with graceful restart keep the routes for our next life.
  public void closeForRestart() {
    Objects.requireNonNull(this);
  }

  /// Tells all neighbours that this is the end (Cease, Administrative Shutdown), and ends. The
  /// listener is not told that the routes are gone.
  @Override
  public void close() {
    Objects.requireNonNull(this);
  }
}
