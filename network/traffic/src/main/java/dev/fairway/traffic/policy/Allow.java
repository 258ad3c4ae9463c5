// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import java.util.Comparator;

/// One thing that is allowed, as it is loaded.
///
/// @param peers the name of a set, or empty for anyone; for ports by name, of the set of receivers
///   that have them
record Allow(String peers, Ports ports) implements Comparable<Allow> {
  private static final Comparator<Allow> ORDER =
      Comparator.comparing(Allow::peers).thenComparing(allow -> allow.ports().toString());

  @Override
  public int compareTo(Allow other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return (peers.isEmpty() ? "anyone" : peers) + ": " + ports;
  }
}
