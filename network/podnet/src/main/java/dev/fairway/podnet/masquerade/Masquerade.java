// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.masquerade;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftTable;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/// Keeps the kernel's rules as wanted. Not for several threads at a time.
public final class Masquerade implements AutoCloseable {
  private final NfTables tables;
  private Optional<MasqueradeRules> applied = Optional.empty();

  /// Works on one machine.
  public Masquerade(NetworkNamespace machine) {
    tables = NfTables.open(machine);
  }

  /// Puts the rules in place, unless they are.
  ///
  /// @throws dev.fairway.linux.KernelException if the kernel refuses; the old rules stay then
  public void set(MasqueradeRules wanted) {
    Set<NftTable> there = new HashSet<>(tables.tables());
    there.retainAll(MasqueradeRules.OURS);
    if (!there.equals(wanted.tables())
        || (!there.isEmpty() && !applied.equals(Optional.of(wanted)))) {
      tables.apply(wanted.render());
    }
    applied = Optional.of(wanted);
  }

  @Override
  public void close() {
    tables.close();
  }
}
