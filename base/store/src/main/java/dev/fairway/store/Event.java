// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import org.jspecify.annotations.Nullable;

/// One change.
///
/// @param type what happened
/// @param entry the new state; for a DELETE the last value, with the removal's revision as its
///   `modRevision`
/// @param before the state that was replaced or removed; null if the key was created
/// @param revision the revision of the change, always the entry's `modRevision`
public record Event(Type type, Entry entry, @Nullable Entry before, long revision) {
  public enum Type {
    PUT,
    DELETE
  }

  /// Whether the change made a key that was not there.
  public boolean isCreate() {
    return before == null;
  }
}
