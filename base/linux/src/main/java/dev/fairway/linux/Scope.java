// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// How far an address or the target of a route is (`rt_scope_t` of `linux/rtnetlink.h`).
public enum Scope {
  UNIVERSE(0),
  SITE(200),
  LINK(253),
  HOST(254),
  NOWHERE(255),
  /// A number without a name; it can be read but not be asked for.
  OTHER(-1);

  private final int number;

  Scope(int number) {
    this.number = number;
  }

  int number() {
    if (this == OTHER) {
      throw new IllegalArgumentException("scope OTHER cannot be asked for");
    }
    return number;
  }

  static Scope ofNumber(int number) {
    for (Scope scope : values()) {
      if (scope.number == number) {
        return scope;
      }
    }
    return OTHER;
  }
}
