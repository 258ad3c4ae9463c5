// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.bfd;

/// How a session stands (RFC 5880 4.1).
public enum BfdState {
  ADMIN_DOWN(0),
  DOWN(1),
  INIT(2),
  UP(3);

  private final int number;

  BfdState(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }

  static BfdState ofNumber(int number) {
    return switch (number) {
      case 0 -> ADMIN_DOWN;
      case 1 -> DOWN;
      case 2 -> INIT;
      case 3 -> UP;
      default -> throw new IllegalArgumentException("a BFD state has two bits, not " + number);
    };
  }
}
