// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// A create met an entry of the same key.
public final class KeyExists extends StoreException {
  private final transient Entry actual;

  KeyExists(Entry actual) {
    super("key " + actual.key() + " exists since revision " + actual.createRevision(), null);
    this.actual = actual;
  }

  /// The entry that was there.
  public Entry actual() {
    return actual;
  }
}
