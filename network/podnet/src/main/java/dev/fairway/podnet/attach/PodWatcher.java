// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.net.IpAddress;
import java.util.List;

/// Hears at once of pods that come and go.
public interface PodWatcher {
  /// Before anybody is told that the pod is connected. What it throws fails the ADD.
  ///
  /// @param link the index of the machine's end
  void connected(Wire wire, int link);

  /// Before the pod's addresses are free for others.
  void disconnecting(List<IpAddress> addresses);
}
