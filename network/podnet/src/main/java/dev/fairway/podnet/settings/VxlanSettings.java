// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

/// The tunnel of the backend `vxlan`. Flannel's nodes must be told the same.
///
/// @param vni the VXLAN network identifier, 1 to 16777215
/// @param port the UDP port of all nodes
/// @param macPrefix the first two octets of the tunnel ends' addresses, `0x0efa` for `0e:fa`; each
///   node adds a hash of its name
public record VxlanSettings(int vni, int port, int macPrefix) {
  public static final VxlanSettings FLANNEL = new VxlanSettings(1, 8472, 0x0efa);

  static final int LAST_VNI = 0xff_ffff;

  public VxlanSettings {
    InvalidSettings.unless(
        vni >= 1 && vni <= LAST_VNI, "vxlan.vni", "must be from 1 to " + LAST_VNI);
    InvalidSettings.unless(port >= 1 && port <= 65535, "vxlan.port", "must be from 1 to 65535");
    InvalidSettings.unless(
        macPrefix >>> 16 == 0 && (macPrefix & 0x0100) == 0,
        "vxlan.macPrefix",
        "must be two octets of an address of one device, such as 0e:fa");
  }
}
