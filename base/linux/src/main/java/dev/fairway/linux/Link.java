// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.MacAddress;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A link as the kernel has it.
///
/// @param index the number the kernel knows it by, in its namespace
/// @param name as `ip link` shows it
/// @param mac null where it has none of 48 bits
/// @param mtu bytes
/// @param up whether it is administratively up
/// @param running whether it also has a carrier
/// @param kind `veth`, `bridge`, `vxlan`…; empty for plain devices such as loopback
/// @param master index of the bridge it belongs to, 0 for none
/// @param peer index of the other end of a veth or of the link below, 0 for none
/// @param peerNamespaceId the number this namespace has for the peer's, -1 if that is the same one
/// @param group see [LinkSpec#group]
/// @param alias free text, empty where not set
/// @param vxlanSettings null unless the kind is `vxlan`
public record Link(
    int index,
    String name,
    @Nullable MacAddress mac,
    int mtu,
    boolean up,
    boolean running,
    String kind,
    int master,
    int peer,
    int peerNamespaceId,
    int group,
    String alias,
    @Nullable Vxlan vxlanSettings) {
  /// The settings of a link of kind `vxlan`.
  public Optional<Vxlan> vxlan() {
    return Optional.ofNullable(vxlanSettings);
  }
}
