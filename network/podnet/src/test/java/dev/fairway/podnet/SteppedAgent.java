// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A process that is an agent, and tells the time by its clock for each line that it reads.
final class SteppedAgent {
  private SteppedAgent() {}

  /// Runs until its input ends.
  ///
  /// @param arguments the node's directory, a file of settings, then address and range of this node
  ///   and of others
  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[0]);
    List<Node> nodes = new ArrayList<>();
    for (int i = 2; i < arguments.length; i += 2) {
      String name = i == 2 ? String.valueOf(directory.getFileName()) : "other-" + i;
      nodes.add(node(name, arguments[i], arguments[i + 1]));
    }
    PodNetwork.Config config =
        new PodNetwork.Config(
            nodes.getFirst().getMetadata().getName(),
            IpAddress.parse(arguments[2]),
            "eth0",
            PodNetworkSettings.parse(Files.readString(Path.of(arguments[1]))),
            directory.resolve("cni.sock"),
            directory.resolve("bin"),
            directory.resolve("conf"),
            directory.resolve("state"));
    PodNetwork agent =
        PodNetwork.start(config, NetworkNamespace.current(), (node, announced) -> {});
    agent.nodes(nodes);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    System.out.println("ready");
    while (in.readLine() != null) {
      System.out.println(System.currentTimeMillis());
    }
    Runtime.getRuntime().halt(0);
  }

  static Node node(String name, String address, String range) {
    return new NodeBuilder()
        .withNewMetadata()
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .withPodCIDRs(range)
        .endSpec()
        .withNewStatus()
        .addNewAddress(address, "InternalIP")
        .endStatus()
        .build();
  }
}
