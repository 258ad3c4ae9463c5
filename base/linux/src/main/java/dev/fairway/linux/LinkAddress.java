// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;

/// An address of a link.
///
/// @param link the link's index
/// @param address the address itself
/// @param prefixLength how many leading bits its network has
/// @param scope how far it is valid
public record LinkAddress(int link, IpAddress address, int prefixLength, Scope scope) {
  public LinkAddress {
    if (prefixLength < 0 || prefixLength > address.family().addressBits()) {
      throw new IllegalArgumentException(address + " has no prefix of " + prefixLength + " bits");
    }
  }

  /// An address that is valid everywhere, or on its link only where it is a link-local one.
  public static LinkAddress of(int link, IpAddress address, int prefixLength) {
    Scope scope =
        address.isLinkLocal() ? Scope.LINK : address.isLoopback() ? Scope.HOST : Scope.UNIVERSE;
    return new LinkAddress(link, address, prefixLength, scope);
  }

  /// The network it is in.
  public Prefix network() {
    return new Prefix(address, prefixLength);
  }
}
