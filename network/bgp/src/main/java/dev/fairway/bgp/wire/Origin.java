// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

/// How a route came into BGP (RFC 4271 4.3), best first.
public enum Origin {
  IGP(0),
  EGP(1),
  INCOMPLETE(2);

  private final int code;

  Origin(int code) {
    this.code = code;
  }

  /// The octet on the wire.
  public int code() {
    return code;
  }
}
