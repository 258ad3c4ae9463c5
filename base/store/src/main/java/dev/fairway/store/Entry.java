// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

/// One key's state.
///
/// @param key the key
/// @param value the bytes as they were written; shared, never to be changed
/// @param createRevision the revision that created the key
/// @param modRevision the revision that wrote this value
@SuppressWarnings(
    "ArrayRecordComponent") // stored bytes are sent as they are; a copy a read is waste
public record Entry(String key, byte[] value, long createRevision, long modRevision) {}
