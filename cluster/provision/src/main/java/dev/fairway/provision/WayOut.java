// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.linux.Sysctls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Lets the machines reach what the host reaches, for pulling images: the host forwards, and their
/// packets leave with the host's own address. Nothing is let in.
final class WayOut {
  private static final String FORWARDING = "net.ipv4.ip_forward";

  private WayOut() {}

  static void open(ClusterSpec spec, ClusterPaths paths) {
    try {
      Path before = remembered(paths);
      if (!Files.exists(before)) {
        Files.createDirectories(before.getParent());
        Files.writeString(before, Sysctls.read(FORWARDING));
      }
      Sysctls.write(FORWARDING, "1");
    } catch (IOException e) {
      throw new ProvisionException("forwarding cannot be switched on: " + e.getMessage(), e);
    }
  }

  static void close(ClusterPaths paths) {
    try {
      Path before = remembered(paths);
      boolean last = ClusterSpecFile.clusters().stream().allMatch(paths.cluster()::equals);
      if (last && Files.exists(before)) {
        Sysctls.write(FORWARDING, Files.readString(before).strip());
      }
    } catch (IOException e) {
      throw new ProvisionException("forwarding cannot be set back: " + e.getMessage(), e);
    }
  }

  /// What the host had before; gone after a reboot, as the setting itself is.
  private static Path remembered(ClusterPaths paths) {
    return paths.run().resolve("ip_forward.before");
  }
}
