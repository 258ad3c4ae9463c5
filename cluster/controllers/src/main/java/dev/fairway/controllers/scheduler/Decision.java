// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

/// What scheduling found for one pod.
sealed interface Decision {
  record Bind(String node) implements Decision {}

  /// No node can take it.
  ///
  /// @param message why no node could take it, counted by reason
  record Unschedulable(String message) implements Decision {}
}
