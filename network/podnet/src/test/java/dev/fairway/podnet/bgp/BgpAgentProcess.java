// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.bgp;

import java.util.Arrays;
import java.util.Map;

/// A node's agent as a process of its own, so that it can be killed: `NUMBER OTHER…`. It works in
/// the namespace it was started in and says what it has, each time that changes.
final class BgpAgentProcess {
  private BgpAgentProcess() {}

  static void main(String[] arguments) throws Exception {
    int[] numbers = Arrays.stream(arguments).mapToInt(Integer::parseInt).toArray();
    BgpNetwork network = BgpNetwork.start(dev.fairway.linux.NetworkNamespace.current());
    network.set(
        BgpFabric.node(numbers[0]),
        BgpFabric.nodesBut(numbers[0], numbers),
        BgpFabric.settings("{as: 64512, gracefulRestartSeconds: 60}"),
        Map.of(),
        "eth0");
    Thread.currentThread().join();
  }
}
