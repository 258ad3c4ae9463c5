// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import org.jspecify.annotations.Nullable;

/// The store cannot do its work: the message names the file and what to do about it. Whether a
/// write that failed so was kept is known only after the store has been opened again, except for
/// [Reason#DISK_FULL], [Reason#NOT_WRITABLE] and [Reason#CLOSED], where it was not.
public final class StoreUnavailable extends StoreException {
  /// Why it cannot.
  public enum Reason {
    CLOSED,
    IN_USE,
    DISK_FULL,
    NOT_WRITABLE,
    CORRUPT,
    BROKEN_DISK,
    /// The servers that hold the data do not answer.
    UNREACHABLE,
    /// They answer, and refuse this client.
    REFUSED
  }

  private final Reason reason;

  StoreUnavailable(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
