// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Network namespaces that `ip netns exec` finds, too; they are removed at the end.
final class NamedNamespaces implements AutoCloseable {
  private final String prefix = "fwbench-" + ProcessHandle.current().pid() + "-";
  private final Map<String, NetworkNamespace> namespaces = new LinkedHashMap<>();

  NetworkNamespace create(String name) {
    NetworkNamespace namespace = NetworkNamespace.create(path(name));
    namespaces.put(name, namespace);
    return namespace;
  }

  void delete(String name) {
    NetworkNamespace namespace = namespaces.remove(name);
    if (namespace != null) {
      namespace.close();
    }
    NetworkNamespace.delete(path(name));
  }

  NetworkNamespace get(String name) {
    NetworkNamespace namespace = namespaces.get(name);
    if (namespace == null) {
      throw new IllegalArgumentException("there is no namespace " + name);
    }
    return namespace;
  }

  Path path(String name) {
    return Path.of("/run/netns", prefix + name);
  }

  /// Runs a script; in it `at NAME COMMAND…` runs inside, and `@NAME` stands for a namespace.
  void script(String text) throws IOException, InterruptedException {
    String full =
        "set -e\nat() { n=$1; shift; ip netns exec "
            + prefix
            + "$n \"$@\"; }\n"
            + text.replace("@", prefix);
    Process process =
        new ProcessBuilder(List.of("bash", "-c", full)).redirectErrorStream(true).start();
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (process.waitFor() != 0) {
      throw new IOException("making a network by hand failed: " + said);
    }
  }

  @Override
  public void close() {
    new ArrayList<>(namespaces.keySet()).forEach(this::delete);
  }
}
