// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import java.util.Comparator;

/// One rule of a chain, as it is loaded.
///
/// @param peers the name of a set, or empty for anyone; for ports by name, of the set of receivers
///   that have them
/// @param action what becomes of the connections that are meant
/// @param by the ClusterNetworkPolicy that denies, for its counter; empty unless it does
record Step(String peers, Ports ports, Action action, String by) implements Comparable<Step> {
  private static final Comparator<Step> ORDER =
      Comparator.comparing(Step::peers).thenComparing(Step::toString);

  static Step allow(String peers, Ports ports) {
    return new Step(peers, ports, Action.ACCEPT, "");
  }

  @Override
  public int compareTo(Step other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    String what = (peers.isEmpty() ? "anyone" : peers) + ": " + ports;
    return switch (action) {
      case ACCEPT -> what;
      case DENY -> what + ", denied by " + by;
      case PASS -> what + ", passed on";
    };
  }
}
