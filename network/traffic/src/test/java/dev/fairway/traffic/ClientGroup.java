// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.linux.Cgroups;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A control group of a test's own, for its clients. A socket belongs to the group its process is
/// in when it makes it, so this process goes in to make those of pods and out to make others.
final class ClientGroup implements AutoCloseable {
  final Path path;
  private final Path home;
  private boolean isInside;

  ClientGroup() throws IOException {
    Path top = Cgroups.find().unified("top").orElseThrow().getParent();
    String own =
        Files.readAllLines(Path.of("/proc/self/cgroup")).stream()
            .filter(line -> line.startsWith("0::/"))
            .map(line -> line.substring("0::/".length()))
            .findFirst()
            .orElseThrow();
    home = top.resolve(own);
    String name = "fairway-test-" + ProcessHandle.current().pid() + "-" + System.nanoTime();
    path = Files.createDirectory(top.resolve(name));
  }

  ClientGroup inside(boolean wanted) throws IOException {
    if (wanted != isInside) {
      move(wanted ? path : home);
      isInside = wanted;
    }
    return this;
  }

  private static void move(Path group) throws IOException {
    byte[] pid = Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII);
    Files.write(group.resolve("cgroup.procs"), pid, StandardOpenOption.WRITE);
  }

  /// The programs that are attached to it do not keep it.
  @Override
  public void close() throws IOException {
    inside(false);
    Files.delete(path);
  }
}
