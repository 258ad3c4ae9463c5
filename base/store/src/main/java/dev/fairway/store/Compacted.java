// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// History no longer reaches back to the revision asked for: list anew, then watch from there.
public final class Compacted extends StoreException {
  private final long compactedRevision;

  Compacted(long revision, long compactedRevision) {
    super("revision " + revision + " is compacted, the oldest is " + compactedRevision, null);
    this.compactedRevision = compactedRevision;
  }

  /// The oldest revision that could still be asked for.
  public long compactedRevision() {
    return compactedRevision;
  }
}
