// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import java.io.IOException;
import java.util.Optional;

/// What makes WireGuard devices in one machine, one of a name at most. Not for several threads at a
/// time.
///
/// All of these throw a [dev.fairway.linux.KernelException] where the kernel refuses.
public sealed interface WireGuardDriver extends AutoCloseable
    permits KernelWireGuard, UserspaceWireGuard {
  /// What people know it by.
  String name();

  /// Makes the device, down and without keys and peers.
  ///
  /// @throws IOException if it cannot; the message says what is missing
  void create(int mtu) throws IOException;

  /// The device as it is, empty if there is none that this driver could change.
  Optional<WireGuardDevice> read() throws IOException;

  void change(WireGuardChange change) throws IOException;

  /// Takes the device away, with all that was made for it. An absent one is fine.
  void remove() throws IOException;

  /// Leaves the device to the next one.
  @Override
  void close();
}
