// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.policy.Policy;
import dev.fairway.net.IpFamily;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/// How to talk with a neighbour, or with all that a range holds.
///
/// @param remoteAs its AS number; the own one makes it an internal neighbour
/// @param socket how it is connected to
/// @param passive whether only the neighbour connects
/// @param families what routes are exchanged
/// @param holdTime silence after which it is dead: zero for never, else 3 s to 65535 s; the smaller
///   of both sides' counts, and a keepalive is sent each third of it
/// @param connectRetry how long to wait after a failed connect, 100 ms to 1 h; jittered down by up
///   to a quarter, and longer each time that a session ends by an error
/// @param reflectorClient whether it is our client as a route reflector (RFC 4456)
/// @param nextHopSelf whether internal neighbours, too, are told this machine as next hop of routes
///   from elsewhere
/// @param importPolicy what is believed; if absent all from an internal neighbour and nothing from
///   an external one (RFC 8212)
/// @param exportPolicy what is told; if absent as with `importPolicy`
/// @param prefixLimit most prefixes a family
/// @param shutdown if present, the session is administratively down and this was told to the
///   neighbour (RFC 9003, at most 255 octets of UTF-8)
public record PeerProfile(
    long remoteAs,
    PeerSocket socket,
    boolean passive,
    Set<IpFamily> families,
    Duration holdTime,
    Duration connectRetry,
    boolean reflectorClient,
    boolean nextHopSelf,
    Optional<Policy> importPolicy,
    Optional<Policy> exportPolicy,
    PrefixLimit prefixLimit,
    Optional<String> shutdown) {
  private static final Duration SHORTEST_RETRY = Duration.ofMillis(100);
  private static final Duration LONGEST_RETRY = Duration.ofHours(1);

  public PeerProfile {
    BgpSettings.requireAs(remoteAs, "a peer's AS");
    if (families.isEmpty()) {
      throw new IllegalArgumentException("a peer needs at least one family");
    }
    families = Set.copyOf(families);
    long hold = holdTime.toSeconds();
    if (!holdTime.equals(Duration.ofSeconds(hold))
        || hold < 0
        || hold > 65535
        || hold == 1
        || hold == 2) {
      throw new IllegalArgumentException(
          "hold time " + holdTime + " is neither 0 nor from 3 to 65535 whole seconds");
    }
    if (connectRetry.compareTo(SHORTEST_RETRY) < 0 || connectRetry.compareTo(LONGEST_RETRY) > 0) {
      throw new IllegalArgumentException(
          "connect retry " + connectRetry + " is not from 100 ms to 1 h");
    }
  }

  /// Both families, hold time 90 s, directly connected, port 179.
  public static PeerProfile of(long remoteAs) {
    return new PeerProfile(
        remoteAs,
        PeerSocket.DEFAULT,
        false,
        EnumSet.allOf(IpFamily.class),
        Duration.ofSeconds(90),
        Duration.ofSeconds(5),
        false,
        false,
        Optional.empty(),
        Optional.empty(),
        PrefixLimit.DEFAULT,
        Optional.empty());
  }

  public PeerProfile withSocket(PeerSocket newSocket) {
    return new PeerProfile(
        remoteAs,
        newSocket,
        passive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withPassive(boolean newPassive) {
    return new PeerProfile(
        remoteAs,
        socket,
        newPassive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withFamilies(Set<IpFamily> newFamilies) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        newFamilies,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withHoldTime(Duration newHoldTime) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        newHoldTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withConnectRetry(Duration newConnectRetry) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        newConnectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withReflectorClient(boolean newReflectorClient) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        connectRetry,
        newReflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withNextHopSelf(boolean newNextHopSelf) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        newNextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withImport(Policy policy) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        Optional.of(policy),
        exportPolicy,
        prefixLimit,
        shutdown);
  }

  public PeerProfile withExport(Policy policy) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        Optional.of(policy),
        prefixLimit,
        shutdown);
  }

  public PeerProfile withPrefixLimit(PrefixLimit limit) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        limit,
        shutdown);
  }

  public PeerProfile withShutdown(String why) {
    return new PeerProfile(
        remoteAs,
        socket,
        passive,
        families,
        holdTime,
        connectRetry,
        reflectorClient,
        nextHopSelf,
        importPolicy,
        exportPolicy,
        prefixLimit,
        Optional.of(why));
  }
}
