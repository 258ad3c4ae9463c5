// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

/// Brings one object's world to the wanted state.
@FunctionalInterface
public interface Reconciler<K> {
  /// Called for one key at a time, never twice at once for the same key.
  ///
  /// @throws Exception if it could not be done; the key is tried again after a growing pause
  void reconcile(K key) throws Exception;
}
