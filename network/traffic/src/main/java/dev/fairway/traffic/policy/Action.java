// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

/// What a rule does with the connections it means; the words are those of ClusterNetworkPolicy.
enum Action {
  /// Lets them be, whatever comes later.
  ACCEPT,
  /// Drops them, whatever comes later.
  DENY,
  /// Leaves them to the next tier.
  PASS
}
