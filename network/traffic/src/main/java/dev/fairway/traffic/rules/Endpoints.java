// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.TransportAddress;
import java.util.List;

/// The endpoints of a port that this node may use, in order and without repetition.
///
/// @param cluster for clients whose policy is `Cluster`
/// @param local those on this node, for clients whose policy is `Local`
/// @param onNode all of this node's among `cluster` and `local`
/// @param any whether there is an endpoint anywhere, so that having none here means silence and not
///   a refusal
public record Endpoints(
    List<TransportAddress> cluster,
    List<TransportAddress> local,
    List<TransportAddress> onNode,
    boolean any) {
  static final Endpoints NONE = new Endpoints(List.of(), List.of(), List.of(), false);

  public Endpoints {
    cluster = List.copyOf(cluster);
    local = List.copyOf(local);
    onNode = List.copyOf(onNode);
  }
}
