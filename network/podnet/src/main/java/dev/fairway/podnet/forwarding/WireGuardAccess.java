// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.forwarding;

import dev.fairway.linux.wireguard.WireGuardChange;
import dev.fairway.linux.wireguard.WireGuardDevice;
import java.util.List;
import java.util.Optional;

/// A machine's one WireGuard device, whoever makes it, as far as it is more than a link.
public interface WireGuardAccess {
  /// Of a machine without.
  WireGuardAccess NONE =
      new WireGuardAccess() {
        @Override
        public Optional<WireGuardDevice> read() {
          return Optional.empty();
        }

        @Override
        public void create(int mtu) {
          throw new IllegalStateException("WireGuard is not at hand here");
        }

        @Override
        public void identify(int port) {}

        @Override
        public void change(List<? extends WireGuardChange.PeerChange> peers) {}

        @Override
        public void remove() {}
      };

  Optional<WireGuardDevice> read();

  void create(int mtu);

  /// Gives the device this machine's key, and the port it listens at.
  void identify(int port);

  void change(List<? extends WireGuardChange.PeerChange> peers);

  void remove();
}
