// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import java.util.Locale;

/// How packets reach the pods of other nodes.
public enum BackendKind {
  /// Wrapped in UDP (RFC 7348), as flannel's `vxlan`: over any network between the machines.
  VXLAN,
  /// By plain routes, as flannel's `host-gw`: machines that share an Ethernet.
  ROUTES,
  /// By routes that BGP neighbours tell (RFC 4271), as Calico without an overlay.
  BGP,
  /// Wrapped in UDP and encrypted, as flannel's `wireguard`: over any network between the machines.
  WIREGUARD;

  /// The word for it in settings and messages.
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
