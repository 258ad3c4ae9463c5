// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.util.Optional;
import java.util.Set;

/// One STATUS or GC of the container runtime, checked: about a network, not one attachment.
///
/// @param command what to do
/// @param version how to answer
/// @param network the network's name
/// @param delegate the plugin that gives the addresses (`ipam.type`); empty if the agent does
/// @param valid for GC, the attachments that are to stay
/// @param call as it came, for delegates
public record NetworkRequest(
    CniCommand command,
    CniVersion version,
    String network,
    Optional<String> delegate,
    Set<CniRequest.Attachment> valid,
    CniCall call) {
  public NetworkRequest {
    valid = Set.copyOf(valid);
  }
}
