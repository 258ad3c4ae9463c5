// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

import dev.fairway.bgp.wire.Message.Open;
import dev.fairway.bgp.wire.Notification;

/// Something to do for a neighbour.
public sealed interface SessionAction {
  /// Connect, and say how it went.
  record Connect() implements SessionAction {}

  /// Give up the connect that is under way.
  record AbandonConnect() implements SessionAction {}

  record SendOpen(int link) implements SessionAction {}

  /// Send the first keepalive, and one each third of the hold time from now on.
  record SendKeepalives(int link) implements SessionAction {}

  /// Send a notification, then close.
  record Refuse(int link, Notification notification) implements SessionAction {}

  record Close(int link) implements SessionAction {}

  /// Routes are exchanged from now on.
  record Up(int link, Open open) implements SessionAction {}

  /// Routes are exchanged no more.
  ///
  /// @param why for people
  /// @param graceful whether the routes may be kept for a while (RFC 4724 4.2)
  record Down(String why, boolean graceful) implements SessionAction {}

  /// Say so when it is time to connect again.
  ///
  /// @param failures how many sessions in a row ended by an error
  record Retry(int failures) implements SessionAction {}

  /// No matter when it is time.
  record ForgetRetry() implements SessionAction {}
}
