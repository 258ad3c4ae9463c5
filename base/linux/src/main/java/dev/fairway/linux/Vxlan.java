// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import org.jspecify.annotations.Nullable;

/// The settings of a VXLAN link (RFC 7348).
///
/// @param vni the network identifier, 24 bits
/// @param port the UDP port, usually 4789 (IANA) or 8472 (the kernel's own default)
/// @param local the address its packets come from, null for any
/// @param underlay the index of the link its packets leave by, 0 for any
/// @param learning whether it learns where addresses are from the packets it sees
public record Vxlan(int vni, int port, @Nullable IpAddress local, int underlay, boolean learning) {
  public Vxlan {
    if (vni < 0 || vni >= 1 << 24 || port < 0 || port > 65535) {
      throw new IllegalArgumentException("VXLAN has a VNI of 24 bits and a UDP port");
    }
  }
}
