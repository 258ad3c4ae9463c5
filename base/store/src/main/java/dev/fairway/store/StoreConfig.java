// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.nio.file.Path;

/// Where an embedded store lives and how much history it keeps. History is bounded by both numbers,
/// whichever is met first; the oldest tenth goes at once when a bound is passed.
///
/// @param file the database file; its directory must exist, SQLite's `-wal` file lies beside it
/// @param historyRevisions how many of the newest revisions stay readable, at least 1
/// @param historyBytes how many bytes their values may take, at least 1
/// @param transformer between values and what is in the file
public record StoreConfig(
    Path file, int historyRevisions, long historyBytes, Transformer transformer) {
  static final int HISTORY_REVISIONS = 20_000;
  static final long HISTORY_BYTES = 64L << 20;

  public StoreConfig {
    if (historyRevisions < 1 || historyBytes < 1) {
      throw new IllegalArgumentException("history must hold at least one revision and one byte");
    }
    file = file.toAbsolutePath().normalize();
  }

  /// The same store with another transformer.
  public StoreConfig with(Transformer transformer) {
    return new StoreConfig(file, historyRevisions, historyBytes, transformer);
  }

  /// A store with the usual history: 20,000 revisions, 64 MiB.
  public static StoreConfig of(Path file) {
    return new StoreConfig(file, HISTORY_REVISIONS, HISTORY_BYTES, Transformer.NONE);
  }
}
