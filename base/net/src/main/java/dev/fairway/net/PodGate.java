// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

import java.util.List;

/// Lets pods into the network of a node.
public interface PodGate {
  /// Lets in everybody.
  PodGate OPEN = (namespace, name, uid, addresses) -> true;

  /// A pod is about to be connected. Returns when all that restricts it is in force, so it may take
  /// some time.
  ///
  /// @param uid empty if it is not known
  /// @param addresses the pod's, and nobody else's from now on
  /// @return false if it is not known yet what the pod may do, so it must not be connected
  boolean admit(String namespace, String name, String uid, List<IpAddress> addresses)
      throws InterruptedException;

  /// A pod is connected already, by an earlier agent or by an ADD whose answer was lost.
  default void connected(String namespace, String name, String uid, List<IpAddress> addresses) {}

  /// A pod does not have these addresses any more; soon they may be another's.
  default void leave(String namespace, String name, List<IpAddress> addresses) {}
}
