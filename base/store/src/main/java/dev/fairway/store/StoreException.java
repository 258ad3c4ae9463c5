// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import org.jspecify.annotations.Nullable;

/// Everything the store refuses or fails, one class a case, so that a switch can be exhaustive.
public abstract sealed class StoreException extends RuntimeException
    permits KeyExists,
        RevisionMismatch,
        Compacted,
        FutureRevision,
        ValueTooLarge,
        StoreUnavailable {
  StoreException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
