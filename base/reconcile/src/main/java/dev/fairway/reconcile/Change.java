// SPDX-License-Identifier: Apache-2.0
package dev.fairway.reconcile;

import java.util.Optional;

/// What became of one object between two images.
///
/// @param before how it was, empty if it is new to the reader
/// @param after how it is, empty if it is gone
public record Change<T>(Optional<T> before, Optional<T> after) {
  /// Whether the object is no longer there.
  public boolean isRemoval() {
    return after.isEmpty();
  }

  /// This change and then the `next` one, as one.
  Change<T> then(Change<T> next) {
    return new Change<>(before, next.after);
  }
}
