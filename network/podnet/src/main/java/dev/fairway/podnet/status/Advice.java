// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import dev.fairway.podnet.status.NodeStatus.Finding;
import dev.fairway.podnet.status.NodeStatus.Peer;
import java.util.List;

/// What to do about what the agent says is wrong.
final class Advice {
  private record Hint(String fragment, String mend) {}

  private static final List<Hint> HINTS =
      List.of(
          new Hint(
              "spec.podCIDRs is not set",
              "a controller sets it (kube-controller-manager --allocate-node-cidrs); it may be out of"
                  + " ranges: look at its log"),
          new Hint(
              "overlaps",
              "two Nodes have pods in one range: delete the newer Node and let it come back"),
          new Hint(
              "names no VXLAN device",
              "the agent of that node sets its annotations: see that it runs, and what its log says"),
          new Hint("another VNI", "all nodes must have the same VNI in their settings"),
          new Hint("InternalIP", "the kubelet of that node sets it: see that it runs"),
          new Hint(
              "flannel.alpha.coreos.com/",
              "the annotation does not make sense; remove it and the node's agent writes it anew"),
          new Hint(
              "no address is left for this node in AddressPool",
              "delete pods, add an AddressPool, or set spec.borrowing: Allowed"),
          new Hint("AddressPool ", "kubectl edit addresspool: the message names the field"),
          new Hint("has no link", "name the link to the other machines in the settings"));

  private Advice() {}

  /// Why a session of a routing protocol may not come up.
  static String ofPeer(Peer peer) {
    String port = "TCP port 179 of " + peer.address() + " must be reached from here";
    return peer.node().isEmpty()
        ? "see that it runs and knows this machine as a neighbour, with AS and password; " + port
        : "see that node " + peer.node() + " and its agent run; " + port;
  }

  /// A problem of the form `node NAME: REASON`, or any other text.
  static Finding of(String problem, String me) {
    int colon = problem.indexOf(": ");
    boolean named = problem.startsWith("node ") && colon > 0;
    String about = named ? problem.substring(0, colon) : "node " + me;
    String why = named ? problem.substring(colon + 2) : problem;
    for (Hint hint : HINTS) {
      if (why.contains(hint.fragment)) {
        return new Finding(about, why, hint.mend);
      }
    }
    return new Finding(about, why, "");
  }
}
