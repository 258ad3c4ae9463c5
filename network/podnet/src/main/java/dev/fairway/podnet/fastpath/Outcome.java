// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import java.util.Locale;

/// Where a packet of a pod or to a pod went, and why.
public enum Outcome {
  /// Straight to another pod of this node.
  DIRECT(0),
  /// To the stack: not TCP or UDP, or with options, in fragments, on its last hop.
  OTHER(1),
  /// To the stack: from an address that is not the pod's.
  NOT_THE_PODS(2),
  /// To the stack: one of the two pods is marked so.
  NEEDS_STACK(3),
  /// To the stack: neither to a pod of this node nor by a known way to another node's.
  NOT_LOCAL(4),
  /// To the stack: connection tracking knows of it.
  TRACKED(5),
  /// To the stack, and with it the record of a connection that uses the same port.
  CLASH(6),
  /// Straight out to another node's pod.
  ACROSS(7),
  /// From another node's pod straight to one of this node.
  ARRIVED(8);

  private final int number;

  Outcome(int number) {
    this.number = number;
  }

  /// Its place among the counters.
  int number() {
    return number;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
