// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.session.SessionState;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.TransportAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A neighbour as it is now.
///
/// @param address where it is
/// @param remoteAs its AS number
/// @param dynamic whether it is known only by a range
/// @param state how far the session has come
/// @param since since when
/// @param whyDown what ended the last session or connection attempt, for people; empty if nothing
///   has
/// @param remoteId the BGP identifier it sent
/// @param connection both ends of the TCP connection
/// @param holdTime what was agreed
/// @param capabilities what it can, in words
/// @param families what is agreed, each with its counters
/// @param sessions how often it came up
/// @param messages what went over the wire
public record PeerStatus(
    IpAddress address,
    long remoteAs,
    boolean dynamic,
    SessionState state,
    Instant since,
    Optional<String> whyDown,
    Optional<IpAddress> remoteId,
    Optional<Ends> connection,
    Optional<Duration> holdTime,
    List<String> capabilities,
    Map<IpFamily, FamilyCounters> families,
    long sessions,
    MessageCounters messages) {
  public PeerStatus {
    capabilities = List.copyOf(capabilities);
    families = Map.copyOf(families);
  }

  public boolean established() {
    return state == SessionState.ESTABLISHED;
  }

  /// The ends of a connection.
  public record Ends(TransportAddress local, TransportAddress remote) {}

  /// What one family amounts to.
  ///
  /// @param accepted prefixes that it told and that were believed
  /// @param rejected told, but refused by policy or as a loop, since the session came up
  /// @param advertised prefixes that it was told
  /// @param pending changes that it is still to be told
  /// @param told whether it has said that it told all (End-of-RIB)
  public record FamilyCounters(
      int accepted, long rejected, int advertised, int pending, boolean told) {}

  /// Messages since the speaker started.
  ///
  /// @param malformedUpdates UPDATE messages with an error that did not end the session (RFC 7606)
  public record MessageCounters(
      long received, long sent, long updatesReceived, long updatesSent, long malformedUpdates) {}
}
