// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Nodes of a test whose machines and pods have addresses of both families.
final class DualNodes {
  private static final int ETH0 = 10;

  private DualNodes() {}

  static TestNode node(TestMachines machines, Path directory, int number) throws Exception {
    TestNode node = new TestNode(machines, directory, BackendKind.VXLAN, number, step -> {});
    try (RouteNetlink netlink = RouteNetlink.open(node.machine)) {
      netlink.apply(new RouteRequest.PutAddress(LinkAddress.of(ETH0, underlay(number), 64)));
    }
    // As some distributions have it: links that are made later begin with the strict check.
    Sysctls.write(node.machine, Map.of("net.ipv4.conf.default.rp_filter", "1"));
    return node;
  }

  private static IpAddress underlay(int number) {
    return Prefix.parse("fd00:10:240::/64").at(20 + number);
  }

  static List<Node> objects(List<TestNode> nodes) {
    List<Node> objects = new ArrayList<>();
    for (int number = 0; number < nodes.size(); number++) {
      objects.add(
          new NodeBuilder(nodes.get(number).object())
              .editSpec()
              .addToPodCIDRs(Prefix.parse("fd00:10:200::/48").subnet(64, number).toString())
              .endSpec()
              .editStatus()
              .addNewAddress()
              .withType("InternalIP")
              .withAddress(underlay(number).toString())
              .endAddress()
              .endStatus()
              .build());
    }
    return objects;
  }

  /// All hear of all, until nobody has news.
  static void talk(List<TestNode> nodes) throws Exception {
    for (int round = 0; round < 3; round++) {
      List<Node> objects = objects(nodes);
      for (TestNode node : nodes) {
        node.agent.nodes(objects);
      }
    }
  }
}
