// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// A revision was asked for that has not happened yet, as by a client of another cluster's life.
public final class FutureRevision extends StoreException {
  private final long currentRevision;

  FutureRevision(long revision, long currentRevision) {
    super("revision " + revision + " is in the future, the newest is " + currentRevision, null);
    this.currentRevision = currentRevision;
  }

  /// The newest revision there is.
  public long currentRevision() {
    return currentRevision;
  }
}
