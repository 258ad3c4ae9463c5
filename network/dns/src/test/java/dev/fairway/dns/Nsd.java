// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// NSD, another people's name server.
final class Nsd implements AutoCloseable {
  private static final Path PROGRAM = Path.of("/usr/sbin/nsd");

  private final Process process;
  private final Path log;

  /// @param server what stands under `server:`, each line indented
  /// @param zones the zones, whole
  Nsd(Path directory, String server, String zones) throws IOException {
    assumeTrue(Files.isExecutable(PROGRAM), "/usr/sbin/nsd (Debian package nsd) is not here");
    log = directory.resolve("nsd.log");
    Path config =
        Files.writeString(
            directory.resolve("nsd.conf"),
            """
            server:
              server-count: 1
              username: ""
              chroot: ""
              database: ""
              zonesdir: "%1$s"
              zonelistfile: "%1$s/zone.list"
              xfrdfile: "%1$s/xfrd.state"
              xfrdir: "%1$s"
              pidfile: ""
            %2$s
            remote-control:
              control-enable: no
            %3$s
            """
                .formatted(directory, server, zones));
    process =
        new ProcessBuilder(PROGRAM.toString(), "-d", "-c", config.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
  }

  String said() throws IOException {
    return Files.readString(log);
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
