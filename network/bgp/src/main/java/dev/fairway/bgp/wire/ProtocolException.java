// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

/// The other side broke the protocol so that the session must end.
public final class ProtocolException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient Notification notification;

  public ProtocolException(Notification notification, String what) {
    super(what);
    this.notification = notification;
  }

  ProtocolException(int code, int subcode, String what) {
    this(Notification.of(code, subcode), what);
  }

  /// What to tell the other side.
  public Notification notification() {
    return notification;
  }
}
