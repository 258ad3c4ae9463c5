// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import org.jspecify.annotations.Nullable;

/// All versions of one key that history still needs, newest first. Only the writer changes it;
/// readers walk it without a lock and stop at the first version that is old enough.
final class Versions {
  /// One state of the key; the entry is null where it was removed.
  static final class Version {
    final long revision;
    final @Nullable Entry entry;
    volatile @Nullable Version older;

    Version(long revision, @Nullable Entry entry, @Nullable Version older) {
      this.revision = revision;
      this.entry = entry;
      this.older = older;
    }
  }

  private volatile @Nullable Version newest;

  /// The newest version, even one that is not committed yet: for the writer only.
  @Nullable Version newest() {
    return newest;
  }

  @Nullable Entry newestEntry() {
    Version version = newest;
    return version == null ? null : version.entry;
  }

  @Nullable Entry at(long revision) {
    for (Version version = newest; version != null; version = version.older) {
      if (version.revision <= revision) {
        return version.entry;
      }
    }
    return null;
  }

  void push(long revision, @Nullable Entry entry) {
    newest = new Version(revision, entry, newest);
  }

  /// Takes the newest version back after a failed commit.
  void pop() {
    Version version = newest;
    newest = version == null ? null : version.older;
  }

  /// Forgets what came before `revision`, which is one of this key's own.
  void cutBefore(long revision) {
    for (Version version = newest; version != null; version = version.older) {
      if (version.revision == revision) {
        version.older = null;
        return;
      }
    }
  }
}
