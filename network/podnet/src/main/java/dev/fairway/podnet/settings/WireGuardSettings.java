// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import java.time.Duration;
import java.util.Locale;

/// The tunnel of the backend `wireguard`.
///
/// @param port the UDP port of all nodes
/// @param keepalive after how much silence a node sends an empty packet, so that what is between
///   the nodes does not forget the connection; zero: never
/// @param driver what makes the device
public record WireGuardSettings(int port, Duration keepalive, Driver driver) {
  /// As flannel's.
  public static final WireGuardSettings USUAL =
      new WireGuardSettings(51820, Duration.ZERO, Driver.AUTO);

  /// What makes the device.
  public enum Driver {
    /// The kernel where it can, else a process.
    AUTO,
    /// The kernel alone (Linux 5.6).
    KERNEL,
    /// A process `wireguard-go`, whatever the kernel can.
    USERSPACE;

    /// The word for it in settings.
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public WireGuardSettings {
    InvalidSettings.unless(port >= 1 && port <= 65535, "wireguard.port", "must be from 1 to 65535");
    InvalidSettings.unless(
        !keepalive.isNegative() && keepalive.toSeconds() <= 65535,
        "wireguard.persistentKeepaliveSeconds",
        "must be from 0 to 65535");
  }
}
