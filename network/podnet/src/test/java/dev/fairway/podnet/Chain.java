// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A list of plugins, called as container runtimes call them (section 3 of the specification): each
/// with the result of the one before, the capabilities that it declares, and the list's name.
///
/// @param runtimeConfig what the runtime has for those that declare it, as JSON
/// @param plugins each one's configuration, as JSON
record Chain(TestNode node, String version, String runtimeConfig, List<String> plugins) {
  private static final Path DEBIAN = Path.of("/usr/lib/cni");
  private static final JsonMapper JSON = new JsonMapper();

  /// Our own plugin's part of a list.
  static String ours(TestNode node, String more) {
    return "{\"type\":\"fairway-cni\",\"agentSocket\":\"" + node.socket() + "\"" + more + "}";
  }

  TestNode.Outcome add(String id, Path netns) throws Exception {
    TestNode.Outcome last = new TestNode.Outcome(0, "");
    for (String plugin : plugins) {
      last = call("ADD", id, netns, plugin, last.stdout());
      if (last.exitCode() != 0) {
        return last;
      }
    }
    return last;
  }

  TestNode.Outcome check(String id, Path netns, TestNode.Outcome added) throws Exception {
    TestNode.Outcome last = new TestNode.Outcome(0, "");
    for (String plugin : plugins) {
      last = call("CHECK", id, netns, plugin, added.stdout());
      if (last.exitCode() != 0) {
        return last;
      }
    }
    return last;
  }

  void del(String id, Path netns, TestNode.Outcome added) throws Exception {
    for (String plugin : plugins.reversed()) {
      TestNode.Outcome outcome = call("DEL", id, netns, plugin, added.stdout());
      assertThat(outcome.exitCode()).as(plugin + outcome.stdout()).isZero();
    }
  }

  TestNode.Outcome call(String command, String id, Path netns, String plugin, String previous)
      throws Exception {
    ObjectNode config = (ObjectNode) JSON.readTree(plugin);
    config.put("name", "chained").put("cniVersion", version);
    ObjectNode granted = JSON.createObjectNode();
    JsonNode runtime = JSON.readTree(runtimeConfig);
    for (String capability : config.path("capabilities").propertyNames()) {
      if (runtime.has(capability)) {
        granted.set(capability, runtime.path(capability));
      }
    }
    config.remove("capabilities");
    if (!granted.isEmpty()) {
      config.set("runtimeConfig", granted);
    }
    if (!previous.isEmpty()) {
      config.set("prevResult", JSON.readTree(previous));
    }
    String type = config.path("type").stringValue();
    Path own = node.directory.resolve("bin");
    Path program = type.startsWith("fairway") ? own.resolve(type) : DEBIAN.resolve(type);
    assertThat(Files.isExecutable(program))
        .as("%s: install containernetworking-plugins", program)
        .isTrue();
    Map<String, String> environment = new HashMap<>();
    environment.put("CNI_COMMAND", command);
    environment.put("CNI_CONTAINERID", id);
    environment.put("CNI_NETNS", netns.toString());
    environment.put("CNI_IFNAME", "eth0");
    environment.put("CNI_PATH", own + ":" + DEBIAN);
    environment.put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return run(program, environment, JSON.writeValueAsString(config));
  }

  private TestNode.Outcome run(Path program, Map<String, String> environment, String stdin)
      throws Exception {
    ProcessBuilder builder = new ProcessBuilder(program.toString());
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    Process process = node.machine.start(builder);
    try (OutputStream to = process.getOutputStream()) {
      to.write(stdin.getBytes(StandardCharsets.UTF_8));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    process.getInputStream().transferTo(out);
    return new TestNode.Outcome(process.waitFor(), out.toString(StandardCharsets.UTF_8));
  }
}
