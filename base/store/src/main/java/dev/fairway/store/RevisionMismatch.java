// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import org.jspecify.annotations.Nullable;

/// An update or delete expected another state than it met.
public final class RevisionMismatch extends StoreException {
  private final transient @Nullable Entry actual;

  RevisionMismatch(String key, long expectedModRevision, @Nullable Entry actual) {
    super(
        "key "
            + key
            + (actual == null ? " does not exist" : " is at revision " + actual.modRevision())
            + ", expected revision "
            + expectedModRevision,
        null);
    this.actual = actual;
  }

  /// The entry that was there, or null if there was none.
  public @Nullable Entry actual() {
    return actual;
  }
}
