// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// Tells the nf_tables transactions that this process makes in a namespace from everybody else's,
/// by the kernel's generation number. All who work by one handle of the namespace share it, so that
/// one part's change is not taken for a stranger's by another.
///
/// Its monitor is held for a transaction.
public final class NftTransactions {
  private int last;
  private long strangers;

  /// Looks at the generation that the kernel has now.
  ///
  /// @return how often others were seen to have changed something; grows
  public synchronized long see(int generation) {
    if (generation != last) {
      last = generation;
      strangers++;
    }
    return strangers;
  }

  /// A transaction of ours made this generation.
  public synchronized void made(int generation) {
    last = generation;
  }
}
