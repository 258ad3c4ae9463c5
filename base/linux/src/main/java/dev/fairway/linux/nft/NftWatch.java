// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;

/// Whether tables are still as they were left, at a bounded cost.
///
/// The kernel's generation number says for next to nothing that somebody else changed some table.
/// Whether it was one of ours takes a look at all of them, so looks are as far apart as makes them
/// a twentieth of the time, whatever others do, but ten seconds at most. Not for several threads.
public final class NftWatch {
  private static final int SHARE = 20;
  private static final Duration LONGEST_REST = Duration.ofSeconds(10);

  private final NfTables tables;
  private long strangers = -1;
  private long lookNext;

  public NftWatch(NfTables tables) {
    this.tables = tables;
    this.lookNext = System.nanoTime();
  }

  /// The tables are as they should be.
  ///
  /// @param count what [NfTables#strangers] said before they were made so
  public void left(long count) {
    strangers = count;
  }

  /// Whether somebody else changed some table since, and it is time to look which.
  public boolean isDue() {
    return System.nanoTime() - lookNext >= 0 && tables.strangers() != strangers;
  }

  /// Looks.
  ///
  /// @param whole what makes the tables as they should be
  /// @return what is not so, in words, a few of it; if nothing, they count as left so
  public List<String> damage(Supplier<List<NftRequest>> whole) {
    long start = System.nanoTime();
    long seen = tables.strangers();
    List<String> found = tables.differences(whole.get());
    if (found.isEmpty()) {
      strangers = seen;
    }
    long now = System.nanoTime();
    lookNext = now + Math.min(SHARE * (now - start), LONGEST_REST.toNanos());
    return found;
  }
}
