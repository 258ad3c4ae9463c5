// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.calls;

import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.cni.CniRequest;
import dev.fairway.podnet.cni.CniResult;
import java.util.Optional;

/// An ADD that is under way or done.
///
/// @param given what the delegate gave; empty without one and until it has answered
public record RememberedCall(CniRequest request, Optional<CniResult> given) {
  /// Whether the interface is another plugin's, and only things beside it are ours.
  public boolean foreign() {
    return isForeign(request);
  }

  /// Whether other plugins of the chain made the interface that the call is about. After an ADD of
  /// ours, the chain's result shows our end of the wire beside it.
  public static boolean isForeign(CniRequest request) {
    if (request.previous().isEmpty()) {
      return false;
    }
    CniRequest.Attachment attachment = request.attachment();
    String ours = Wire.hostName(attachment.containerId(), attachment.interfaceName());
    boolean there = false;
    for (CniResult.Interface link : request.previous().get().interfaces()) {
      if (link.name().equals(ours)) {
        return false;
      }
      there |= !link.sandbox().isEmpty() && link.name().equals(attachment.interfaceName());
    }
    return there;
  }
}
