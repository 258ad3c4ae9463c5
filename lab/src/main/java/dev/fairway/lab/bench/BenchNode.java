// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.PodNetwork;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/// A node with Fairway's agent, and pods connected to it by the CNI executable, as a container
/// runtime does. Number N is at 10.240.N/256.(N mod 256 + 20) and has pods in 10.200.N.0/24.
final class BenchNode implements AutoCloseable {
  private final int number;
  private final Path directory;
  private final Map<String, String> announced = new HashMap<>();
  private final PodNetwork agent;

  /// @param machine has a link `eth0`; stays the caller's
  BenchNode(NetworkNamespace machine, Path directory, BackendKind backend, int number)
      throws IOException {
    this.number = number;
    this.directory = directory.resolve("node-" + number);
    agent =
        PodNetwork.start(
            new PodNetwork.Config(
                name(number),
                address(number),
                "eth0",
                PodNetworkSettings.of(backend, List.of(Prefix.parse("10.200.0.0/13"))),
                this.directory.resolve("cni.sock"),
                this.directory.resolve("bin"),
                this.directory.resolve("conf"),
                this.directory.resolve("state")),
            machine.call(NetworkNamespace::current),
            (node, annotations) -> announced.putAll(annotations));
  }

  static String name(int number) {
    return "node-" + number;
  }

  static IpAddress address(int number) {
    return Prefix.parse("10.240.0.0/16").at(number + 20L);
  }

  static String range(int number) {
    return Prefix.parse("10.200.0.0/13").subnet(24, number).toString();
  }

  PodNetwork agent() {
    return agent;
  }

  /// Its object, as the API server would have it.
  Node object() {
    return object(number, announced);
  }

  static Node object(int number, Map<String, String> annotations) {
    return new NodeBuilder()
        .withNewMetadata()
        .withName(name(number))
        .withAnnotations(annotations)
        .endMetadata()
        .withNewSpec()
        .withPodCIDR(range(number))
        .withPodCIDRs(range(number))
        .endSpec()
        .withNewStatus()
        .addNewAddress(address(number).toString(), "InternalIP")
        .endStatus()
        .build();
  }

  /// Connects a namespace and returns its address.
  String add(String id, Path sandbox) throws IOException, InterruptedException {
    String said = cni("ADD", id, sandbox);
    String address =
        new JsonMapper().readTree(said).path("ips").path(0).path("address").asString("");
    return Prefix.parse(address).address().toString();
  }

  void delete(String id, Path sandbox) throws IOException, InterruptedException {
    String said = cni("DEL", id, sandbox);
    if (!said.isEmpty()) {
      throw new IOException("DEL said " + said);
    }
  }

  private String cni(String command, String id, Path sandbox)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(directory.resolve("bin/fairway-cni").toString())
            .redirectErrorStream(true);
    builder.environment().clear();
    builder
        .environment()
        .putAll(
            Map.of(
                "CNI_COMMAND",
                command,
                "CNI_CONTAINERID",
                id,
                "CNI_NETNS",
                sandbox.toString(),
                "CNI_IFNAME",
                "eth0",
                "CNI_PATH",
                directory.resolve("bin").toString()));
    Process process = builder.start();
    try (var stdin = process.getOutputStream()) {
      stdin.write(
          """
          {"cniVersion":"1.0.0","name":"fairway","type":"fairway-cni","agentSocket":"%s"}\
          """
              .formatted(directory.resolve("cni.sock"))
              .getBytes(StandardCharsets.UTF_8));
    }
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (process.waitFor() != 0) {
      throw new IOException("CNI " + command + " of " + id + " failed: " + said);
    }
    return said;
  }

  @Override
  public void close() throws IOException {
    agent.close();
  }
}
