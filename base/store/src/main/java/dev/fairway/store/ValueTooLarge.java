// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// A value has more bytes than the engine takes.
public final class ValueTooLarge extends StoreException {
  ValueTooLarge(String message, Throwable cause) {
    super(message, cause);
  }
}
