// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.security.GeneralSecurityException;

/// Between a value and what lies in storage, such as encryption at rest. Safe for many threads.
public interface Transformer {
  /// Values are stored as they are.
  Transformer NONE =
      new Transformer() {
        @Override
        public byte[] toStorage(String key, byte[] value) {
          return value;
        }

        @Override
        public Plain fromStorage(String key, byte[] stored) {
          return new Plain(stored, false);
        }
      };

  /// A value as it was read.
  ///
  /// @param value the value
  /// @param stale whether it would be stored otherwise now, as after a change of keys
  @SuppressWarnings("ArrayRecordComponent") // passed through, never changed
  record Plain(byte[] value, boolean stale) {}

  /// What to store for a value under a key.
  byte[] toStorage(String key, byte[] value);

  /// The value that was stored under a key.
  ///
  /// @throws GeneralSecurityException if it cannot be read; the message names the key and says why
  Plain fromStorage(String key, byte[] stored) throws GeneralSecurityException;
}
