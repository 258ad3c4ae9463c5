// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.podnet.forwarding.ForwardingState;
import java.util.List;
import java.util.Map;

/// A way to bring packets to the pods of other nodes. Pure: the same nodes give the same answers. A
/// new one is a package of its own and two lines in `BackendMix`.
public interface Backend {
  /// What the kernel should hold.
  ForwardingState desired(ClusterNode me, List<ClusterNode> others, Underlay underlay);

  /// What this node tells the others on its Node object.
  Map<String, String> announcement(ClusterNode me, Underlay underlay);

  /// The largest packet that a pod may send, in bytes.
  int podMtu(Underlay underlay);

  /// Nodes that cannot be reached this way (yet), and why; and what makes the way a bad one.
  List<String> unreachable(ClusterNode me, List<ClusterNode> others, Underlay underlay);
}
