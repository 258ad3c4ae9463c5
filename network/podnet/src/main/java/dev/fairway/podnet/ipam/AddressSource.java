// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.podnet.ipam.Allocation.Owner;
import java.io.IOException;

/// Who chooses a pod's addresses: the node's own ranges (the [AddressBook] alone) or pools.
@FunctionalInterface
public interface AddressSource {
  /// Gives an owner its addresses: those it has already, or new ones, all or none.
  ///
  /// @throws NoAddress if it cannot have them; the message says why and what to do
  /// @throws IOException if the disk refuses
  Allocation allocate(Owner owner) throws NoAddress, IOException;

  /// Addresses were given back to the book.
  default void released() {}
}
