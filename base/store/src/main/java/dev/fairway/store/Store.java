// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import org.jspecify.annotations.Nullable;

/// The store as its users see it. All calls may come from any thread; writes block until they are
/// durable, reads never block. Keys are ordered by [String#compareTo]. Byte arrays are shared, not
/// copied: neither side may change one after handing it over.
///
/// Every call but [#close] throws [StoreUnavailable] when the store cannot do its work (disk full,
/// disk broken, closed); reads go on working while only the disk is in trouble.
public interface Store extends AutoCloseable {
  /// The revision of the newest write that is visible. An empty store starts at 1.
  long revision();

  /// The oldest revision that can still be listed, and after which can still be watched.
  long compactedRevision();

  /// The newest state of one key, or null if there is none.
  @Nullable Entry get(String key);

  /// Whether the key's value lies in storage in an older form than it would be written in now, as
  /// after a change of encryption keys: writing it again, even unchanged, brings it up to date.
  boolean isStale(String key);

  /// The entries whose key starts with `prefix`, in key order, as they were at one revision.
  ///
  /// @param startAfterKey the last key of the page before, or null for the first page
  /// @param limit at most so many entries, 0 for all
  /// @param atRevision 0 for the newest; the following pages name the first page's revision
  /// @throws Compacted if history no longer reaches back to `atRevision`
  /// @throws FutureRevision if `atRevision` has not happened yet
  Page list(String prefix, @Nullable String startAfterKey, int limit, long atRevision);

  /// Writes a new key and returns the revision of the write.
  ///
  /// @throws KeyExists if the key is there already
  long create(String key, byte[] value);

  /// Replaces a value and returns the revision of the write.
  ///
  /// @param expectedModRevision the entry's [Entry#modRevision] as the caller last saw it
  /// @throws RevisionMismatch if the entry has another one by now, or is gone
  long update(String key, byte[] value, long expectedModRevision);

  /// Removes a key and returns the revision of the removal.
  ///
  /// @param expectedModRevision the entry's [Entry#modRevision] as the caller last saw it
  /// @throws RevisionMismatch if the entry has another one by now, or is gone
  long delete(String key, long expectedModRevision);

  /// Follows all changes of keys that start with `prefix` made after `afterRevision`: first those
  /// that history still holds, then new ones as they happen. List, then watch after the page's
  /// revision, misses nothing.
  ///
  /// @throws Compacted if history no longer reaches back to `afterRevision`
  /// @throws FutureRevision if `afterRevision` has not happened yet
  Watch watch(String prefix, long afterRevision, Listener listener);

  /// Forgets history before `revision`, which itself stays readable. No effect on a revision that
  /// is compacted already.
  ///
  /// @throws FutureRevision if `revision` has not happened yet
  void compact(long revision);

  /// Finishes the writes under way, ends all watches and releases the file. Idempotent.
  @Override
  void close();
}
