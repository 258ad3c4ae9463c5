// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

/// A part that acts on a cluster's state.
@FunctionalInterface
public interface Subscriber {
  /// Called on the subscriber's own platform thread, one call at a time, first when every followed
  /// kind has been listed; changes that arrive meanwhile are merged into the next delta.
  ///
  /// @throws Exception if it could not act; it is logged, and the call is made again with a full
  ///   delta after a pause that grows from 100 ms to 10 s
  void changed(Delta delta, ClusterImage image) throws Exception;
}
