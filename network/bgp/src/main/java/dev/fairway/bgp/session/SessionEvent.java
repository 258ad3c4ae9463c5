// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Notification;
import java.util.Optional;

/// Something that happens to a neighbour. Connections are told apart by numbers that the caller
/// gives, never the same one twice.
public sealed interface SessionEvent {
  /// From now on the session should be up.
  record Start() implements SessionEvent {}

  /// From now on it should not.
  ///
  /// @param notification what to tell the neighbour; nothing if absent
  /// @param why for people
  /// @param graceful whether the neighbour's routes may be kept for a while
  record Stop(Optional<Notification> notification, String why, boolean graceful)
      implements SessionEvent {}

  /// It is time to connect again.
  record RetryTime() implements SessionEvent {}

  /// Our connect succeeded.
  record Connected(int link) implements SessionEvent {}

  /// Our connect failed.
  record ConnectFailed(String why) implements SessionEvent {}

  /// The neighbour connected.
  record Accepted(int link) implements SessionEvent {}

  /// An OPEN came that is acceptable.
  record OpenCame(int link, Open open) implements SessionEvent {}

  record KeepaliveCame(int link) implements SessionEvent {}

  /// An UPDATE or ROUTE-REFRESH came.
  record RoutesCame(int link) implements SessionEvent {}

  record NotificationCame(int link, Notification notification) implements SessionEvent {}

  /// The connection broke.
  record Broke(int link, String why) implements SessionEvent {}

  /// What came is unacceptable, or nothing came for too long.
  record Fault(int link, Notification notification, String why) implements SessionEvent {}
}
