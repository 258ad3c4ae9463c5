// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.net.IpAddress;

/// Which of a pod's connections are meant.
enum Direction {
  /// Those to the pod.
  INGRESS("to"),
  /// Those from the pod.
  EGRESS("from");

  private final String word;

  Direction(String word) {
    this.word = word;
  }

  /// In names in the kernel.
  String word() {
    return word;
  }

  /// The other end of a pod's connection.
  IpAddress peer(Packet packet) {
    return this == INGRESS ? packet.source() : packet.destination();
  }
}
