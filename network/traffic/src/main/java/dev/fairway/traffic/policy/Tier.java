// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

/// When a ClusterNetworkPolicy is asked.
enum Tier {
  /// Before every NetworkPolicy.
  ADMIN("Admin"),
  /// For what no NetworkPolicy isolates.
  BASELINE("Baseline");

  private final String word;

  Tier(String word) {
    this.word = word;
  }

  /// As in the API.
  String word() {
    return word;
  }
}
