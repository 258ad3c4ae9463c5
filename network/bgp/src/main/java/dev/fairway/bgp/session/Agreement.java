// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

import dev.fairway.bgp.wire.Capability;
import dev.fairway.bgp.wire.Capability.EnhancedRouteRefresh;
import dev.fairway.bgp.wire.Capability.ExtendedMessages;
import dev.fairway.bgp.wire.Capability.ExtendedNextHop;
import dev.fairway.bgp.wire.Capability.FourOctetAs;
import dev.fairway.bgp.wire.Capability.GracefulRestart;
import dev.fairway.bgp.wire.Capability.MultiProtocol;
import dev.fairway.bgp.wire.Capability.RouteRefresh;
import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Notification;
import dev.fairway.bgp.wire.ProtocolException;
import dev.fairway.bgp.wire.SessionTerms;
import dev.fairway.net.IpFamily;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/// What two OPEN messages come to.
///
/// @param terms what bytes depend on
/// @param holdSeconds silence after which the other side is dead; 0 for never
/// @param refresh whether the other side can be asked for its routes again
/// @param enhancedRefresh whether the answers are bracketed
/// @param restart what the other side says of its restarts
public record Agreement(
    SessionTerms terms,
    int holdSeconds,
    boolean refresh,
    boolean enhancedRefresh,
    Optional<GracefulRestart> restart) {
  /// Compares what both sides said first.
  ///
  /// @throws ProtocolException if the other side is not who was expected, or has no family in
  ///   common with us
  public static Agreement of(Open ours, Open theirs, long expectedAs) throws ProtocolException {
    if (theirs.as() != expectedAs) {
      throw new ProtocolException(
          Notification.of(Notification.OPEN, 2),
          "the neighbour is of AS " + theirs.as() + ", not " + expectedAs);
    }
    boolean internal = theirs.as() == ours.as();
    if (internal && theirs.id().equals(ours.id())) {
      throw new ProtocolException(
          Notification.of(Notification.OPEN, 3),
          "the neighbour has our own BGP identifier " + theirs.id());
    }
    Set<IpFamily> families = families(theirs);
    families.retainAll(families(ours));
    if (families.isEmpty()) {
      throw new ProtocolException(
          Notification.of(Notification.OPEN, 7), "no family is in common with the neighbour");
    }
    boolean extended = both(ours, theirs, ExtendedMessages.class);
    SessionTerms terms =
        new SessionTerms(
            internal,
            both(ours, theirs, FourOctetAs.class),
            extended ? SessionTerms.EXTENDED_LONGEST : SessionTerms.USUAL_LONGEST,
            families,
            both(ours, theirs, ExtendedNextHop.class));
    Optional<GracefulRestart> restart = Optional.empty();
    for (Capability capability : theirs.capabilities()) {
      if (capability instanceof GracefulRestart found) {
        restart = Optional.of(found);
      }
    }
    return new Agreement(
        terms,
        Math.min(ours.holdSeconds(), theirs.holdSeconds()),
        both(ours, theirs, RouteRefresh.class),
        both(ours, theirs, EnhancedRouteRefresh.class),
        restart);
  }

  /// A speaker that says nothing of families means IPv4.
  private static Set<IpFamily> families(Open open) {
    Set<IpFamily> families = EnumSet.noneOf(IpFamily.class);
    boolean said = false;
    for (Capability capability : open.capabilities()) {
      if (capability instanceof MultiProtocol(IpFamily family)) {
        families.add(family);
        said = true;
      } else if (capability instanceof Capability.Unknown(int code, byte[] _) && code == 1) {
        said = true;
      }
    }
    if (!said) {
      families.add(IpFamily.IPV4);
    }
    return families;
  }

  private static boolean both(Open ours, Open theirs, Class<? extends Capability> kind) {
    return has(ours, kind) && has(theirs, kind);
  }

  private static boolean has(Open open, Class<? extends Capability> kind) {
    return open.capabilities().stream().anyMatch(kind::isInstance);
  }
}
