// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The two things a container runtime looks for: the executable and the network configuration. Each
/// takes its place by a rename, so that the runtime never sees half of one.
final class CniFiles {
  private static final String EXECUTABLE = "fairway-cni";

  /// Runtimes call `loopback` for each sandbox beside the network; the same file answers to it.
  private static final List<String> NAMES = List.of(EXECUTABLE, "loopback");

  private static final String CONFIGURATION = "10-fairway.conflist";

  /// The network that is ours unless somebody writes a configuration by hand.
  static final String NETWORK = "fairway";

  private CniFiles() {}

  static void installExecutable(Path binDir) throws IOException {
    byte[] program;
    try (InputStream in = CniFiles.class.getResourceAsStream("/native/" + EXECUTABLE)) {
      if (in == null) {
        throw new IOException("this build has no CNI executable: /native/" + EXECUTABLE);
      }
      program = in.readAllBytes();
    }
    for (String name : NAMES) {
      replace(binDir.resolve(name), program, "rwxr-xr-x");
    }
  }

  static void writeConfiguration(Path confDir, Path socket) throws IOException {
    JsonMapper json = new JsonMapper();
    ObjectNode list = json.createObjectNode();
    // Runtimes in use refuse a newer version than they know, and 1.0.0 is known to all of them.
    list.put("cniVersion", "1.0.0").put("name", NETWORK);
    ObjectNode plugin = list.putArray("plugins").addObject();
    plugin.put("type", EXECUTABLE).put("agentSocket", socket.toString());
    plugin.putObject("capabilities").put("portMappings", true).put("bandwidth", true);
    byte[] text =
        (json.writerWithDefaultPrettyPrinter().writeValueAsString(list) + "\n")
            .getBytes(StandardCharsets.UTF_8);
    replace(confDir.resolve(CONFIGURATION), text, "rw-r--r--");
  }

  private static void replace(Path file, byte[] content, String permissions) throws IOException {
    if (Files.exists(file) && Arrays.equals(Files.readAllBytes(file), content)) {
      return;
    }
    Files.createDirectories(file.getParent());
    Path fresh = file.resolveSibling("." + file.getFileName() + ".new");
    Files.write(fresh, content);
    Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString(permissions));
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
  }
}
