// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.PodGate;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.StepObserver;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A node of a test: its machine, its agent, and the real executable to call it with.
final class TestNode implements AutoCloseable {
  private static final List<Prefix> RANGES =
      List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:10:200::/48"));

  final String name;
  final String address;
  final String range;
  final NetworkNamespace machine;
  final Path directory;
  final BackendKind backend;
  final Map<String, String> announced = new HashMap<>();
  PodGate gate = PodGate.OPEN;
  PodNetwork agent;

  TestNode(
      TestMachines machines, Path directory, BackendKind backend, int number, StepObserver steps)
      throws IOException {
    this.name = "worker-" + number;
    this.address = "10.240.0." + (20 + number);
    this.range = "10.200." + number + ".0/24";
    this.machine = machines.machine(name, address);
    this.directory = directory.resolve(name);
    this.backend = backend;
    start(backend, steps);
  }

  void start(BackendKind kind, StepObserver steps) throws IOException {
    PodNetwork.Config config =
        new PodNetwork.Config(
            name,
            IpAddress.parse(address),
            "eth0",
            PodNetworkSettings.of(kind, RANGES),
            socket(),
            directory.resolve("bin"),
            directory.resolve("conf"),
            directory.resolve("state"));
    NetworkNamespace handle = machine.call(NetworkNamespace::current);
    agent = PodNetwork.start(config, handle, (node, added) -> announced.putAll(added), gate, steps);
  }

  Path socket() {
    return directory.resolve("cni.sock");
  }

  Node object() {
    return new NodeBuilder()
        .withNewMetadata()
        .withName(name)
        .addToAnnotations(announced)
        .endMetadata()
        .withNewSpec()
        .withPodCIDR(range)
        .withPodCIDRs(range)
        .endSpec()
        .withNewStatus()
        .addNewAddress()
        .withType("InternalIP")
        .withAddress(address)
        .endAddress()
        .endStatus()
        .build();
  }

  /// How the executable ended.
  record Outcome(int exitCode, String stdout) {
    JsonNode json() {
      return new JsonMapper().readTree(stdout);
    }

    IpAddress address() {
      return Prefix.parse(json().path("ips").path(0).path("address").stringValue()).address();
    }

    int errorCode() {
      return json().path("code").asInt(0);
    }
  }

  String config(String... more) {
    return "{\"cniVersion\":\"1.0.0\",\"name\":\"fairway\",\"type\":\"fairway-cni\",\"agentSocket\":\""
        + socket()
        + "\""
        + String.join("", more)
        + "}";
  }

  Outcome add(String id, Path netns) throws Exception {
    return cni("ADD", id, netns, config());
  }

  Outcome del(String id, Path netns) throws Exception {
    return cni("DEL", id, netns, config());
  }

  Outcome check(String id, Path netns, Outcome added) throws Exception {
    return cni("CHECK", id, netns, config(",\"prevResult\":" + added.stdout));
  }

  Outcome cni(String command, String id, Path netns, String stdin) throws Exception {
    return run(
        "fairway-cni",
        Map.of(
            "CNI_COMMAND",
            command,
            "CNI_CONTAINERID",
            id,
            "CNI_NETNS",
            netns.toString(),
            "CNI_IFNAME",
            "eth0",
            "CNI_ARGS",
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p-"
                + id
                + ";K8S_POD_UID=uid-"
                + podOf(id),
            "CNI_PATH",
            directory.resolve("bin").toString()),
        stdin.getBytes(StandardCharsets.UTF_8));
  }

  /// Sandboxes `web.1` and `web.2` are of the same pod.
  private static String podOf(String id) {
    int dot = id.indexOf('.');
    return dot < 0 ? id : id.substring(0, dot);
  }

  Outcome run(String executable, Map<String, String> environment, byte[] stdin) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(directory.resolve("bin").resolve(executable).toString());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = builder.redirectErrorStream(true).start();
    Thread writer =
        Thread.ofVirtual()
            .start(() -> {
              try (OutputStream to = process.getOutputStream()) {
                to.write(stdin);
              } catch (IOException e) {
                // it need not read more than it allows
              }
            });
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    process.getInputStream().transferTo(out);
    int exitCode = process.waitFor();
    writer.join();
    return new Outcome(exitCode, out.toString(StandardCharsets.UTF_8));
  }

  /// Of a `wireguard-go` of this node, which ends when the file is removed.
  Path wireGuardSocket() {
    return directory.resolve("wireguard/root/run/wireguard/fairway.wg.sock");
  }

  @Override
  public void close() throws IOException {
    agent.close();
    Files.deleteIfExists(wireGuardSocket());
  }
}
