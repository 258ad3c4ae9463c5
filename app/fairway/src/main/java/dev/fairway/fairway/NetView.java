// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.podnet.status.NodeStatus;
import java.util.List;

/// What is known of a cluster's pod network at one moment.
///
/// @param agents what each node's agent tells, by node
/// @param silent nodes whose agent did not answer
/// @param api the Node objects, empty where they could not be had
/// @param apiProblem why they could not; empty if they could or were not asked for
record NetView(List<NodeStatus> agents, List<Silent> silent, List<ApiNode> api, String apiProblem) {
  NetView {
    agents = List.copyOf(agents);
    silent = List.copyOf(silent);
    api = List.copyOf(api);
  }

  /// A node whose agent did not answer.
  record Silent(String node, String why) {}

  /// What the API server has of a node.
  ///
  /// @param ready the status of its condition Ready: `True`, `False`, `Unknown`, or empty
  record ApiNode(String name, String address, List<String> ranges, String ready) {
    ApiNode {
      ranges = List.copyOf(ranges);
    }
  }
}
