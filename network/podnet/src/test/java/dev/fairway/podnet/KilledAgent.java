// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.nio.file.Path;
import java.util.List;

/// A process that is an agent until it comes to a step, where it ends as if it were killed.
final class KilledAgent {
  private KilledAgent() {}

  /// Runs until the step.
  ///
  /// @param arguments the node's directory, its address, its range, and the step
  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[0]);
    PodNetwork.Config config =
        new PodNetwork.Config(
            directory.getFileName().toString(),
            IpAddress.parse(arguments[1]),
            "eth0",
            PodNetworkSettings.of(BackendKind.ROUTES, List.of(Prefix.parse("10.200.0.0/16"))),
            directory.resolve("cni.sock"),
            directory.resolve("bin"),
            directory.resolve("conf"),
            directory.resolve("state"));
    PodNetwork agent =
        PodNetwork.start(
            config,
            NetworkNamespace.current(),
            (node, announced) -> {},
            step -> {
              if (step.equals(arguments[3])) {
                Runtime.getRuntime().halt(137);
              }
            });
    agent.nodes(
        List.of(
            new NodeBuilder()
                .withNewMetadata()
                .withName(config.nodeName())
                .endMetadata()
                .withNewSpec()
                .withPodCIDRs(arguments[2])
                .endSpec()
                .withNewStatus()
                .addNewAddress(arguments[1], "InternalIP")
                .endStatus()
                .build()));
    System.out.println("ready");
    System.in.read();
    Runtime.getRuntime().halt(0);
  }
}
