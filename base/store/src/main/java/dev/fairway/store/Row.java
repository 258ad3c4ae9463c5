// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// One write as it lies on disk.
///
/// @param revision the write's revision
/// @param key the key
/// @param createRevision the revision that created the key
/// @param value the new value, or null for a removal
@SuppressWarnings("ArrayRecordComponent") // handed from SQLite to the entry, never changed
record Row(long revision, String key, long createRevision, byte @Nullable [] value) {
  /// The same write with another value, as it is encrypted.
  Row withValue(byte[] value) {
    return new Row(revision, key, createRevision, value);
  }

  /// CRC-32C over all of it: SQLite itself does not notice flipped bits in a value.
  long checksum() {
    CRC32C crc = new CRC32C();
    crc.update(
        ByteBuffer.allocate(17)
            .putLong(revision)
            .putLong(createRevision)
            .put((byte) (value == null ? 0 : 1))
            .flip());
    crc.update(key.getBytes(StandardCharsets.UTF_8));
    if (value != null) {
      crc.update(value);
    }
    return crc.getValue();
  }
}
