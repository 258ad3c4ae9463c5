// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.util.List;

/// A part of a listing, all of one revision.
///
/// @param entries in key order
/// @param revision the revision of the state that was read
/// @param more whether entries follow; ask again after the last key at this `revision`
public record Page(List<Entry> entries, long revision, boolean more) {
  public Page {
    entries = List.copyOf(entries);
  }
}
