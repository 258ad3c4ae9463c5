// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.session;

/// How far a session has come (RFC 4271 8.2.2).
public enum SessionState {
  IDLE("Idle"),
  CONNECT("Connect"),
  ACTIVE("Active"),
  OPEN_SENT("OpenSent"),
  OPEN_CONFIRM("OpenConfirm"),
  ESTABLISHED("Established");

  private final String text;

  SessionState(String text) {
    this.text = text;
  }

  /// As the RFC writes it.
  @Override
  public String toString() {
    return text;
  }
}
