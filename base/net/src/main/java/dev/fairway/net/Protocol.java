// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

/// The transport protocols a Service can have, with their IANA protocol numbers.
public enum Protocol {
  TCP(6),
  UDP(17),
  SCTP(132);

  private final int number;

  Protocol(int number) {
    this.number = number;
  }

  /// The IANA protocol number, as in the IP header.
  public int number() {
    return number;
  }
}
